import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Backbone, BackboneOptions, Images } from '../../src/engine/backbone.js';
import { EngineError } from '../../src/engine/backbone.js';
import { createNormaliser } from '../../src/engine/preprocess.js';
import { somePixels, tinyOptions } from '../unit/engine/fixtures.js';

/** Largest difference that another order of summation may make, relative to the largest value. */
const tolerance = 1e-5;

export function assertClose(actual: Float32Array, expected: Float32Array, what: string): void {
  assert.equal(actual.length, expected.length, what);
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  for (const [i, value] of expected.entries()) {
    const difference = Math.abs(actual[i]! - value);
    assert.ok(difference <= tolerance * largest, `${what}: value ${i} is ${actual[i]}, expected ${value}`);
  }
}

/**
 * What every engine must do, checked on models/tiny_acdc90.onnx.
 *
 * @param name of the engine, for the report
 * @param load loads a backbone with the options given (a new one each time)
 */
export function backboneContract(name: string, load: (options: BackboneOptions) => Promise<Backbone>): void {
  describe(`backbone contract: ${name}`, { timeout: 300_000 }, () => {
    const { size } = tinyOptions.image;
    let backbone: Backbone;
    before(async () => {
      backbone = await load(tinyOptions);
    });
    after(() => backbone.close());

    const pixels = (seed: number, count = 1): Images => ({
      kind: 'pixels',
      count,
      data: somePixels(count, size, seed),
    });
    const input = (seed: number, count = 1): Images => {
      const data = new Float32Array(count * 3 * size * size);
      createNormaliser(tinyOptions.image).normalise(somePixels(count, size, seed), data, count);
      return { kind: 'input', count, data };
    };
    const embeddingOf = async (item: Images) => (await backbone.embed([item])).embeddings;

    test('says what it is', () => {
      assert.equal(backbone.name, 'tiny');
      assert.equal(backbone.dimensions, 256);
      assert.deepEqual(backbone.image, tinyOptions.image);
      assert.match(backbone.identity, /^[0-9a-f]{64}$/);
      assert.equal(backbone.info.output, 'features');
      assert.equal(backbone.info.threads, 1);
      assert.ok(backbone.info.sparsity > 0.89 && backbone.info.sparsity < 0.91, `${backbone.info.sparsity}`);
      assert.ok(backbone.info.isa.length > 0);
    });

    test('pixels and the same image as input give the same embedding', async () => {
      const { embeddings, computeMs } = await backbone.embed([pixels(1)]);
      assert.equal(embeddings.length, 256);
      assert.ok(computeMs > 0);
      assert.ok(new Set(embeddings).size > 10, 'the embedding is not constant');
      assertClose(await embeddingOf(input(1)), embeddings, 'input');
    });

    test('a batch of mixed items gives the embeddings of each alone, in order', async () => {
      const { embeddings } = await backbone.embed([pixels(1, 2), input(2), pixels(3), input(4, 3)]);
      const singles = [
        await embeddingOf(pixels(1, 2)),
        await embeddingOf(pixels(2)),
        await embeddingOf(pixels(3)),
        await embeddingOf(pixels(4, 3)),
      ];
      assert.equal(embeddings.length, 7 * 256);
      let position = 0;
      for (const [i, single] of singles.entries()) {
        assertClose(embeddings.subarray(position, position + single.length), single, `item ${i}`);
        position += single.length;
      }
    });

    test('calls that overlap keep their own answers', async () => {
      const seeds = Array.from({ length: 12 }, (_, i) => 100 + i);
      const together = await Promise.all(
        seeds.map((seed) => embeddingOf(seed % 2 === 0 ? pixels(seed, 1 + (seed % 3)) : input(seed, 1 + (seed % 3)))),
      );
      for (const [i, seed] of seeds.entries()) {
        assertClose(together[i]!, await embeddingOf(pixels(seed, 1 + (seed % 3))), `seed ${seed}`);
      }
    });

    test('an array that is part of a larger buffer is used right, and its owner keeps the rest', async () => {
      const one = 3 * size * size;
      const owner = somePixels(3, size, 9);
      const middle: Images = { kind: 'pixels', count: 1, data: owner.subarray(one, 2 * one) };
      const copy: Images = { kind: 'pixels', count: 1, data: owner.slice(one, 2 * one) };
      const embeddings = await embeddingOf(middle);
      assert.equal(owner.length, 3 * one);
      assertClose(embeddings, await embeddingOf(copy), 'part');
      const twice: Images = pixels(5);
      const both = (await backbone.embed([twice, twice])).embeddings;
      assert.deepEqual(both.subarray(0, 256), both.subarray(256), 'the same item twice');
    });

    test('the memory of earlier batches does not show in later ones, larger or smaller', async () => {
      const expected = await embeddingOf(pixels(6, 2));
      for (const count of [1, 5, 64, 3, 256, 2]) {
        const { embeddings } = await backbone.embed([pixels(6, 2), pixels(7, count)]);
        assertClose(embeddings.subarray(0, expected.length), expected, `in front of ${count} others`);
      }
      const failed = backbone.embed([{ ...pixels(1), count: 2 }]);
      await assert.rejects(failed);
      assertClose(await embeddingOf(pixels(6, 2)), expected, 'after a failure');
    });

    test('bad items fail alone: wrong lengths, no items, NaN', async () => {
      const nan = input(1);
      nan.data.fill(Number.NaN);
      const bad: (readonly Images[])[] = [[], [{ ...pixels(1), count: 2 }], [{ ...pixels(1), count: 0 }], [nan]];
      const outcomes = await Promise.allSettled([
        ...bad.map((items) => backbone.embed(items)),
        backbone.embed([pixels(1)]),
      ]);
      for (const outcome of outcomes.slice(0, -1)) {
        assert.ok(outcome.status === 'rejected' && outcome.reason instanceof EngineError);
        assert.equal(outcome.reason.code, 'run_failed');
      }
      assert.equal(outcomes.at(-1)?.status, 'fulfilled');
    });

    test('the event loop stays free while it runs', async () => {
      let running = true;
      const run = backbone.embed([pixels(1, 64)]).finally(() => {
        running = false;
      });
      // The longest turn of the loop, against the time that the engine computed: on this thread it would be all of it.
      const start = performance.now();
      let longest = 0;
      let last = start;
      while (running) {
        await new Promise((resolve) => setImmediate(resolve));
        const now = performance.now();
        longest = Math.max(longest, now - last);
        last = now;
      }
      const { computeMs } = await run;
      assert.ok(longest < computeMs / 2, `the loop stood still for ${longest} ms of ${computeMs} ms`);
    });

    test('closing lets running calls end; afterwards calls are refused', async () => {
      const own = await load(tinyOptions);
      assert.equal(own.identity, backbone.identity);
      const running = [own.embed([pixels(1, 4)]), own.embed([pixels(2)])];
      const closing = own.close();
      const refused = assert.rejects(own.embed([pixels(1)]), { code: 'closed' });
      for (const batch of await Promise.all(running)) assert.ok(batch.embeddings.length > 0);
      await closing;
      await refused;
      await own.close();
    });

    test('other image settings make another identity; a size the model does not take is refused', async () => {
      const other = await load({ ...tinyOptions, image: { ...tinyOptions.image, scale: 1 } });
      assert.notEqual(other.identity, backbone.identity);
      await other.close();
      await assert.rejects(load({ ...tinyOptions, image: { ...tinyOptions.image, size: 95 } }), {
        code: 'settings_invalid',
        message: /96 x 96 .* 95/,
      });
    });

    test('a model that is not there is refused with its path and the key', async () => {
      await assert.rejects(load({ ...tinyOptions, model: '/nowhere/model.onnx' }), {
        code: 'model_unreadable',
        message: /^\/nowhere\/model\.onnx: .*backbones\[\]\.model/,
      });
    });
  });
}
