import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Executor, RunItem } from '../../../src/native/index.js';
import { interpretPlan } from '../../support/interpret-plan.js';
import { native, options, skip, withExecutor } from './addon.js';
import { everyStep, heavy, manyBlocks, nearlyEmpty, normalised, pixels } from './plans.js';

const item = (data: Uint8Array<ArrayBuffer>, length: number): RunItem => ({
  kind: 'pixels',
  count: data.length / length,
  data,
});

/** All images in one item. */
async function embed(executor: Executor, data: Uint8Array<ArrayBuffer>, imageLength: number): Promise<Float32Array> {
  return (await executor.run([item(data, imageLength)])).embeddings;
}

describe('an executor', { skip }, () => {
  it('computes each kind of step as the interpreter does, with each instruction set and number of threads', async () => {
    const plan = everyStep();
    const data = pixels(1, plan);
    const expected = interpretPlan(plan, normalised(data, plan));
    assert.ok(expected.every(Number.isFinite) && new Set(expected).size > 30);
    for (const isa of native().isas) {
      for (const threads of [1, 2, 3]) {
        await withExecutor(plan, options(threads, isa), async (executor) => {
          assert.deepEqual([executor.isa, executor.threads], [isa, threads]);
          const { embeddings } = await executor.run([item(data, 192)]);
          const worst = Math.max(...embeddings.map((value, i) => Math.abs(value - expected[i]!)));
          assert.ok(worst <= 1e-5, `${isa}, ${threads} threads: ${worst} off`);
        });
      }
    }
  });

  it('takes a sparse convolution with more blocks than input channels', async () => {
    const plan = manyBlocks();
    const data = pixels(1, plan);
    const expected = interpretPlan(plan, normalised(data, plan));
    assert.ok(new Set(expected).size > 100);
    await withExecutor(plan, options(2), async (executor) => {
      const embeddings = await embed(executor, data, 192);
      for (const [i, value] of embeddings.entries()) assert.ok(Math.abs(value - expected[i]!) <= 1e-5, `float ${i}`);
    });
  });

  it('gives the same bits whether images run whole or share their steps, alone or in batches', async () => {
    const plan = heavy(4);
    const length = 32 * 32 * 3;
    const data = pixels(7, plan);
    const alone = await withExecutor(plan, options(1), (executor) => embed(executor, data, length));
    for (const threads of [2, 3, 4, 8]) {
      await withExecutor(plan, options(threads), async (executor) => {
        assert.deepEqual(await embed(executor, data, length), alone, `${threads} threads, all at once`);
        for (let i = 0; i < 7; i++) {
          const one = await embed(executor, data.slice(i * length, (i + 1) * length), length);
          assert.deepEqual(one, alone.slice(i * 32, (i + 1) * 32), `${threads} threads, image ${i}`);
        }
      });
    }
  });

  it('takes values as well as pixels, and channels in another order', async () => {
    const plan = nearlyEmpty();
    const data = pixels(2, plan);
    const values = normalised(data, plan);
    await withExecutor(plan, options(1), async (executor) => {
      const items: RunItem[] = [
        { kind: 'input', count: 1, data: values },
        { kind: 'pixels', count: 2, data },
      ];
      const { embeddings, computeMs } = await executor.run(items);
      assert.equal(embeddings.length, 3 * 192);
      assert.deepEqual(embeddings.slice(0, 192), values);
      assert.deepEqual(embeddings.slice(192, 384), values);
      assert.ok(computeMs > 0);
      assert.equal((await executor.run([])).embeddings.length, 0);
    });
    await withExecutor(plan, { ...options(1), pixelChannels: [2, 1, 0] }, async (executor) => {
      const { embeddings } = await executor.run([{ kind: 'pixels', count: 2, data }]);
      const turned = Uint8Array.from(data, (_, i) => data[3 * Math.floor(i / 3) + 2 - (i % 3)]!);
      assert.deepEqual(embeddings.slice(0, 192), normalised(turned, plan));
    });
  });

  it('reads views into larger and shared buffers', async () => {
    const plan = nearlyEmpty();
    const data = pixels(1, plan);
    const shared = new Uint8Array(new SharedArrayBuffer(300)).subarray(64, 64 + 192);
    shared.set(data);
    const part = new Uint8Array(300).subarray(7, 7 + 192);
    part.set(data);
    await withExecutor(plan, options(1), async (executor) => {
      for (const view of [shared, part]) {
        const { embeddings } = await executor.run([{ kind: 'pixels', count: 1, data: view }]);
        assert.deepEqual(embeddings, normalised(data, plan));
      }
    });
  });

  it('serves many callers at once, each with its own result', async () => {
    const plan = heavy(2);
    const length = 32 * 32 * 3;
    const data = pixels(5, plan);
    await withExecutor(plan, options(2), async (executor) => {
      const expected = await embed(executor, data, length);
      const calls = Array.from({ length: 60 }, async (_, i) => {
        const first = i % 5;
        const count = 1 + (i % (5 - first));
        const result = await embed(executor, data.slice(first * length, (first + count) * length), length);
        assert.deepEqual(result, expected.slice(first * 32, (first + count) * 32), `call ${i}`);
      });
      await Promise.all(calls);
    });
  });

  it('runs beside other executors', async () => {
    const plans = [heavy(2), everyStep(), nearlyEmpty()];
    const executors = plans.flatMap((plan) => [1, 2].map((threads) => native().createExecutor(plan, options(threads))));
    const rounds = executors.map(async (executor, i) => {
      const plan = plans[i >> 1]!;
      const data = pixels(3, plan);
      const length = data.length / 3;
      const first = await embed(executor, data, length);
      for (let round = 0; round < 10; round++) assert.deepEqual(await embed(executor, data, length), first);
    });
    await Promise.all(rounds);
    await Promise.all(executors.map((executor) => executor.close()));
  });

  it('leaves the event loop free', async () => {
    const plan = heavy();
    const data = pixels(40, plan);
    await withExecutor(plan, options(1), async (executor) => {
      let running = true;
      let turns = 0;
      const count = () => {
        turns++;
        if (running) setImmediate(count);
      };
      const result = embed(executor, data, 32 * 32 * 3).finally(() => {
        running = false;
      });
      count();
      await result;
      // A run that held the loop would let it turn once or twice.
      assert.ok(turns > 20, `${turns} turns`);
    });
  });

  it('profiles each step of each repetition', async () => {
    const plan = heavy(3);
    const data = pixels(2, plan);
    const one: RunItem = { kind: 'pixels', count: 1, data: data.subarray(0, data.length / 2) };
    for (const threads of [1, 2]) {
      await withExecutor(plan, options(threads), async (executor) => {
        const times = await executor.profile(one, 4);
        assert.ok(times instanceof Float64Array);
        assert.equal(times.length, 4 * plan.steps.length);
        assert.ok(times.every((time) => time > 0 && time < 60e6));
        const steps = (index: number) => times.filter((_, i) => i % plan.steps.length === index);
        // The convolution of 32 channels does ten times the work of that of three.
        assert.ok(Math.min(...steps(2)) > Math.min(...steps(1)));
      });
    }
  });

  it('makes arenas when they are first needed, and says what it holds', async () => {
    const plan = heavy(2);
    const arena = plan.arenaVectors * 64;
    await withExecutor(plan, options(2), async (executor) => {
      assert.equal(executor.bytes, plan.constants.length + arena);
      await embed(executor, pixels(1, plan), 32 * 32 * 3);
      assert.equal(executor.bytes, plan.constants.length + arena);
      await embed(executor, pixels(32, plan), 32 * 32 * 3);
      assert.ok(executor.bytes <= plan.constants.length + 2 * arena);
    });
  });

  it('makes no more arenas than 1 GiB holds; with few of them, all threads share one', async () => {
    const plan = nearlyEmpty();
    const data = pixels(40, plan);
    // 300 MiB, of which the plan touches the first page only.
    const large = { ...plan, arenaVectors: (300 << 20) / 64 };
    const expected = await withExecutor(plan, options(1), (executor) => embed(executor, data, 192));
    for (const [threads, most] of [
      [3, 3],
      [4, 3],
      [6, 3],
      [7, 1],
      [16, 1],
    ] as const) {
      await withExecutor(large, options(threads), async (executor) => {
        assert.deepEqual(await embed(executor, data, 192), expected, `${threads} threads`);
        const arenas = (executor.bytes - plan.constants.length) / (300 << 20);
        assert.ok(arenas <= most, `${threads} threads: ${arenas} arenas`);
      });
    }
  });
});
