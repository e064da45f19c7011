import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EmbeddedBatch, Images } from '../../../src/engine/backbone.js';
import { runTrial } from '../../../src/engine/trial.js';
import { FakeBackbone } from '../../support/fake-backbone.js';

/** Embeddings are off by a share of themselves, or from some call on there are none. */
class Odd extends FakeBackbone {
  constructor(
    private readonly error: number,
    private readonly failsFrom = Number.POSITIVE_INFINITY,
  ) {
    super();
  }

  override async embed(images: readonly Images[]): Promise<EmbeddedBatch> {
    if (this.batches.length >= this.failsFrom) throw new Error(`broke in call ${this.batches.length}`);
    const { embeddings, computeMs } = await super.embed(images);
    return { embeddings: embeddings.map((value) => value * (1 + this.error)), computeMs };
  }
}

test('engines that agree are timed in at least nine pairs, one image at a time', async () => {
  const [sparse, onnxruntime] = [new FakeBackbone(), new FakeBackbone()];
  const outcome = await runTrial(sparse, onnxruntime);
  assert.ok(outcome.kind === 'timed');
  assert.ok(outcome.pairs.length >= 9 && outcome.pairs.length % 2 === 1, `${outcome.pairs.length} pairs`);
  assert.equal(outcome.disagreement, 0);
  assert.ok(outcome.pairs.every((pair) => pair.sparse > 0 && pair.onnxruntime > 0));
  assert.deepEqual(sparse.batches.slice(0, 2), [1, 2]);
  assert.ok(sparse.batches.slice(2).every((images) => images === 1));
  assert.equal(sparse.batches.length, onnxruntime.batches.length);
  assert.deepEqual([sparse.closed, onnxruntime.closed], [false, false]);
});

test('engines that disagree are not timed', async () => {
  const slight = await runTrial(new Odd(5e-5), new FakeBackbone());
  assert.ok(slight.kind === 'timed' && slight.pairs.length >= 9);
  for (const error of [1e-3, Number.NaN]) {
    const outcome = await runTrial(new Odd(error), new FakeBackbone());
    assert.ok(outcome.kind === 'timed');
    assert.equal(outcome.pairs.length, 0);
    assert.ok(!(outcome.disagreement < 5e-4));
  }
});

test('a failure is told with its engine, in the warm-up and later', async () => {
  for (const failsFrom of [0, 1, 5]) {
    assert.deepEqual(await runTrial(new Odd(0, failsFrom), new FakeBackbone()), {
      kind: 'failed',
      engine: 'sparse',
      reason: `broke in call ${failsFrom}`,
    });
    assert.deepEqual(await runTrial(new FakeBackbone(), new Odd(0, failsFrom)), {
      kind: 'failed',
      engine: 'onnxruntime',
      reason: `broke in call ${failsFrom}`,
    });
  }
});
