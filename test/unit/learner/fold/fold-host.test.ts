import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FoldHost } from '../../../../src/learner/fold/fold-host.js';
import { HeadFold } from '../../../../src/learner/fold/head-fold.js';
import { inlineTrainer, type Trainer } from '../../../../src/learner/learners/refit/fit/trainer.js';
import type { HeadDefinition } from '../../../../src/learner/types.js';
import { blobs } from '../../../contract/learner/blobs.js';
import { actOf, definitionOf, entryOf } from './samples.js';

type Result = Awaited<ReturnType<Trainer['run']>>;

/** Does each refit when it is told to. */
class HeldTrainer implements Trainer {
  private readonly held: (() => void)[] = [];

  get waiting(): number {
    return this.held.length;
  }

  run(job: Parameters<Trainer['run']>[0]): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.held.push(() => Promise.resolve(inlineTrainer.run(job)).then(resolve, reject));
    });
  }

  release(): void {
    for (const go of this.held.splice(0)) go();
  }
}

function definitionWithRefit(name: string): HeadDefinition {
  return definitionOf({ name, learner: { ...definitionOf().learner, train: ['sgd', 'refit'] } });
}

function log(count: number) {
  const data = blobs(12, 3);
  return Array.from({ length: count }, (_, i) => ({
    bytes: entryOf({ label: `class ${i % 3}`, embedding: data.embedding(i % 3) }),
    sequence: i + 1,
  }));
}

/** Resolves with whether the promise is settled once everything that can run has run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(
    () => {
      settled = true;
    },
    () => {
      settled = true;
    },
  );
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

test('a head that waits for a refit holds up its own calls and nobody else; the wait is told, and changes no bit', async () => {
  const trainer = new HeldTrainer();
  const host = new FoldHost({ trainer });
  await host.call('open', { definition: definitionWithRefit('waits'), state: null });
  await host.call('open', { definition: definitionOf({ name: 'free' }), state: null });
  const folding = host.call('fold', { name: 'waits', entries: log(200) });
  const after = host.call('snapshot', { name: 'waits', state: 'settled' });
  assert.equal((await host.call('fold', { name: 'free', entries: log(50) })).folded, 50);
  while (trainer.waiting === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(await isSettled(folding), false);
  assert.equal(await isSettled(after), false);
  let released = 0;
  while (!(await isSettled(after))) {
    trainer.release();
    released += 1;
  }
  const { folded, waits, lastSequence } = await folding;
  assert.deepEqual([folded, lastSequence], [200, 200]);
  assert.ok(released > 0 && waits.count >= 1 && waits.seconds > 0, JSON.stringify({ released, waits }));
  const straight = new HeadFold(definitionWithRefit('waits'));
  for (const { bytes, sequence } of log(200)) straight.fold(bytes, sequence);
  const { model, state } = await after;
  assert.deepEqual(Buffer.from(state!), Buffer.from(straight.snapshot().state));
  assert.deepEqual(Buffer.from(model), Buffer.from(straight.snapshot().model));
});

test('a snapshot takes the state along when none is wanted, when it can be had at once, or when it has settled', async () => {
  const trainer = new HeldTrainer();
  const host = new FoldHost({ trainer });
  await host.call('open', { definition: definitionWithRefit('a'), state: null });
  await host.call('fold', { name: 'a', entries: log(20) });
  const snapshot = (state: 'no' | 'if-settled' | 'settled') => host.call('snapshot', { name: 'a', state });
  assert.equal((await snapshot('no')).state, null);
  assert.notEqual((await snapshot('if-settled')).state, null);
  // The first refit starts at 32 samples.
  await host.call('fold', { name: 'a', entries: log(33) });
  assert.equal(trainer.waiting, 1);
  assert.equal((await snapshot('if-settled')).state, null);
  assert.equal((await snapshot('no')).sequence, 33);
  const settled = snapshot('settled');
  assert.equal(await isSettled(settled), false);
  trainer.release();
  const { state } = await settled;
  const restored = HeadFold.restore(definitionWithRefit('a'), state!);
  assert.equal(restored.sequence, 33);
});

test('a refit that fails rejects the call that waits for it', async () => {
  const trainer: Trainer = { run: () => Promise.reject(new Error('no thread')) };
  const host = new FoldHost({ trainer });
  await host.call('open', { definition: definitionWithRefit('a'), state: null });
  await assert.rejects(host.call('fold', { name: 'a', entries: log(100) }), /no thread/);
});

test('a call tells what became of acts, and who was promoted', async () => {
  const host = new FoldHost();
  await host.call('open', { definition: definitionOf(), state: null });
  const acts = [
    actOf({ kind: 'set_learners', learners: ['sgd', 'slda'] }),
    actOf({ kind: 'delete_class', name: 'nobody' }),
    actOf({ kind: 'promote', candidate: 'slda' }),
  ].map((bytes, i) => ({ bytes, sequence: 31 + i }));
  const result = await host.call('fold', { name: 'animals', entries: [...log(30), ...acts] });
  assert.deepEqual(
    result.acts.map(({ sequence, act, skipped }) => [sequence, act.kind, skipped]),
    [
      [31, 'set_learners', undefined],
      [32, 'delete_class', 'unknown_class'],
      [33, 'promote', undefined],
    ],
  );
  assert.deepEqual(result.promotions, result.statistics.promotions);
  assert.deepEqual([result.folded, result.skipped, result.statistics.skipped], [30, {}, 1]);
});

test('a head with much to fold lets another have its turn', async () => {
  const host = new FoldHost();
  for (const name of ['busy', 'quick']) await host.call('open', { definition: definitionOf({ name }), state: null });
  let busy = true;
  const long = host.call('fold', { name: 'busy', entries: log(20_000) }).then((result) => {
    busy = false;
    return result;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal((await host.call('fold', { name: 'quick', entries: log(3) })).folded, 3);
  assert.ok(busy);
  assert.equal((await long).folded, 20_000);
});
