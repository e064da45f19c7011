import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Backbone, BackboneOptions } from '../../../../src/engine/backbone.js';
import { EngineError } from '../../../../src/engine/backbone.js';
import { createNormaliser } from '../../../../src/engine/preprocess.js';
import { loadSparseBackbone } from '../../../../src/engine/sparse/backend.js';
import type { PlanReply } from '../../../../src/engine/sparse/messages.js';
import { planModel } from '../../../../src/engine/sparse/plan-model.js';
import { countThreads } from '../../../../src/engine/threads.js';
import type { ExecutorOptions, Isa, Native, RunItem, RunResult } from '../../../../src/native/index.js';
import { mostThreads } from '../../../../src/native/index.js';
import { somePixels, tinyOptions } from '../fixtures.js';

const size = 4;
const options: BackboneOptions = {
  ...tinyOptions,
  engine: 'sparse',
  image: { size, resize: 4, channels: 'bgr', scale: 255, mean: [0.1, 0.2, 0.3], std: [1, 0.5, 0.25] },
};

function plannedModel(): Extract<PlanReply, { kind: 'planned' }> {
  const constants = new Uint8Array(64);
  const input = { channels: 3, height: size, width: size };
  const plan = { input, steps: [], arenaVectors: 16, constants, output: { offset: 0, length: 2 } };
  return {
    kind: 'planned',
    plan,
    layers: [],
    output: { tensor: 'out', reason: 'because' },
    identity: 'abc',
    sparsity: 0.9,
  };
}

/** An addon that embeds each image as [its mean, 1]. `answer` replaces that. */
class FakeNative implements Native {
  readonly kind = 'native';
  readonly isas: readonly Isa[] = ['avx2', 'scalar'];
  given: ExecutorOptions | undefined;
  closed = 0;
  runs = 0;
  refuses: Error | undefined;
  answer: ((items: readonly RunItem[]) => Promise<RunResult>) | undefined;

  trimFreedMemory(): void {}

  arithmetic(): never {
    throw new Error('the engine needs none');
  }

  createExecutor(_: unknown, given: ExecutorOptions): ReturnType<Native['createExecutor']> {
    if (this.refuses !== undefined) throw this.refuses;
    this.given = given;
    return {
      isa: given.isa === 'auto' ? 'avx2' : given.isa,
      threads: given.threads,
      bytes: 1024,
      run: async (items) => {
        this.runs++;
        return this.answer ? this.answer(items) : { embeddings: means(items), computeMs: 1 };
      },
      profile: async () => new Float64Array(0),
      close: async () => void this.closed++,
    };
  }
}

function means(items: readonly RunItem[]): Float32Array<ArrayBuffer> {
  const values = items.flatMap(({ count, data }) => {
    const length = data.length / count;
    return Array.from({ length: count }, (_, i) => {
      const image: ArrayLike<number> = data.subarray(i * length, (i + 1) * length);
      return [Array.from(image).reduce((sum, value) => sum + value, 0) / length, 1];
    }).flat();
  });
  return Float32Array.from(values);
}

async function load(native: FakeNative, change: Partial<BackboneOptions> = {}, reply: PlanReply = plannedModel()) {
  const lines: string[] = [];
  const parts = { loadNative: () => native, plan: async () => reply };
  const result = await loadSparseBackbone({ ...options, ...change }, (line) => lines.push(line), parts);
  return { result, lines, reply };
}

async function loaded(native: FakeNative, change: Partial<BackboneOptions> = {}): Promise<Backbone> {
  const { result } = await load(native, change);
  assert.ok(result.kind === 'loaded', JSON.stringify(result));
  return result.backbone;
}

test('a loaded backbone says what it is, and keeps nothing of the plan', async () => {
  const native = new FakeNative();
  const { result, lines, reply } = await load(native, { threads: 2 });
  assert.ok(result.kind === 'loaded');
  const { info, identity, dimensions } = result.backbone;
  assert.deepEqual(info, { engine: 'sparse', isa: 'avx2', threads: 2, sparsity: 0.9, output: 'out' });
  assert.deepEqual([identity, dimensions], ['abc', 2]);
  assert.equal((reply as ReturnType<typeof plannedModel>).plan.constants.length, 0, 'the constants are freed');
  assert.ok(lines.some((line) => /sparse engine \(avx2\) with 2 thread\(s\), 2 dimensions, 90\.0 %/.test(line)));
});

test('the executor normalises bytes to the same floats as ONNX Runtime gets', async () => {
  const native = new FakeNative();
  await loaded(native);
  const { normalise, pixelChannels } = native.given!;
  const pixels = somePixels(1, size, 1);
  const expected = new Float32Array(3 * size * size);
  createNormaliser(options.image).normalise(pixels, expected, 1);
  const area = size * size;
  const actual = expected.map((_, i) => {
    const channel = Math.floor(i / area);
    return normalise[256 * channel + pixels[3 * (i % area) + pixelChannels[channel]!]!]!;
  });
  assert.deepEqual(actual, expected);
});

test('zero threads are all that this process may use', async () => {
  const native = new FakeNative();
  const backbone = await loaded(native, { threads: 0 });
  assert.deepEqual([native.given!.threads, backbone.info.threads], [countThreads(0), countThreads(0)]);
});

test('an instruction set that this machine lacks is an error of the setting, before anything is read', async () => {
  await assert.rejects(load(new FakeNative(), { isa: 'neon', model: '/nowhere' }), {
    code: 'settings_invalid',
    message: /engine\.isa is neon, .*HEADWATER_ISA\) to auto or one of avx2, scalar$/,
  });
  const backbone = await loaded(new FakeNative(), { isa: 'scalar' });
  assert.equal(backbone.info.isa, 'scalar');
});

test('what this engine can not do is no error: no addon, no plan, a plan that is refused, a trial that fails', async () => {
  const reason = 'the native addon is not built; run npm run setup';
  const plan = async () => assert.fail('planned without an addon');
  const absent = { loadNative: () => ({ kind: 'absent', reason }) as const, plan };
  assert.deepEqual(await loadSparseBackbone(options, () => {}, absent), { kind: 'unavailable', reason });

  const forced = await loadSparseBackbone({ ...options, isa: 'scalar' }, () => {}, absent);
  assert.match(forced.kind === 'unavailable' ? forced.reason : '', /setup \(engine\.isa, scalar, means nothing/);

  const { result } = await load(new FakeNative(), {}, { kind: 'unsupported', reason: 'node "x" (LpPool): no' });
  assert.deepEqual(result, { kind: 'unavailable', reason: 'node "x" (LpPool): no' });

  const refusing = new FakeNative();
  const refusals = {
    'plan: step 3 (pool): reaches outside': 'the addon refuses the plan (plan: step 3 (pool): reaches outside)',
    'createExecutor: not enough memory': "the addon can't run it here (createExecutor: not enough memory)",
  };
  for (const [message, reason] of Object.entries(refusals)) {
    refusing.refuses = new Error(message);
    assert.deepEqual((await load(refusing)).result, { kind: 'unavailable', reason });
  }

  const failing = new FakeNative();
  failing.answer = async () => ({ embeddings: Float32Array.of(1, Number.NaN), computeMs: 1 });
  const failed = (await load(failing)).result;
  assert.match(failed.kind === 'unavailable' ? failed.reason : '', /trial with one grey image failed: .*NaN/);
  assert.equal(failing.closed, 1);
});

test('a fault of the file or of a setting is thrown with its code', async () => {
  const reply: PlanReply = { kind: 'failed', code: 'output_unknown', message: 'tiny.onnx: no tensor "x"' };
  await assert.rejects(load(new FakeNative(), {}, reply), (error) => {
    assert.ok(error instanceof EngineError);
    return error.code === 'output_unknown' && error.message === 'tiny.onnx: no tensor "x"';
  });
});

test('bad items, values that are not finite and failures of the addon fail their call only', async () => {
  const native = new FakeNative();
  const backbone = await loaded(native);
  const image = { kind: 'pixels', count: 1, data: somePixels(1, size, 1) } as const;
  const nan = { kind: 'input', count: 1, data: new Float32Array(48).fill(Number.NaN) } as const;
  const runs = native.runs;
  for (const items of [[], [{ ...image, count: 2 }], [image, nan]]) {
    await assert.rejects(backbone.embed(items), { code: 'run_failed', message: /^backbone tiny: / });
  }
  assert.equal(native.runs, runs, 'none of them got as far as the addon');
  native.answer = async () => ({ embeddings: Float32Array.of(1, 2, 3, Number.POSITIVE_INFINITY), computeMs: 1 });
  await assert.rejects(backbone.embed([image, image]), { code: 'run_failed', message: /image 1 of 2 holds Infinity/ });
  native.answer = () => Promise.reject(new Error('out of memory'));
  await assert.rejects(backbone.embed([image]), { code: 'run_failed', message: 'backbone tiny: out of memory' });
  native.answer = undefined;
  assert.equal((await backbone.embed([image])).embeddings.length, 2);
});

test('at most 256 calls wait; when they are answered, others are taken', async () => {
  const native = new FakeNative();
  const backbone = await loaded(native);
  const image = { kind: 'pixels', count: 1, data: somePixels(1, size, 1) } as const;
  let finish = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  native.answer = async (items) => {
    await finished;
    return { embeddings: means(items), computeMs: 1 };
  };
  const waiting = Array.from({ length: 256 }, () => backbone.embed([image]));
  await assert.rejects(backbone.embed([image]), { code: 'run_failed', message: /256 calls are waiting/ });
  finish();
  await Promise.all(waiting);
  await backbone.embed([image]);
});

test('closing twice closes once; later calls are refused', async () => {
  const native = new FakeNative();
  const backbone = await loaded(native);
  await Promise.all([backbone.close(), backbone.close()]);
  assert.equal(native.closed, 1);
  const image = { kind: 'pixels', count: 1, data: somePixels(1, size, 1) } as const;
  await assert.rejects(backbone.embed([image]), { code: 'closed' });
});

test('planning tells faults of the file from models that have no plan', async () => {
  const missing = await planModel({ ...options, model: '/nowhere/model.onnx' });
  assert.ok(missing.kind === 'failed' && missing.code === 'model_unreadable', JSON.stringify(missing));
  const wrong: Partial<BackboneOptions>[] = [
    { threads: mostThreads + 1 },
    { isa: process.arch === 'arm64' ? 'avx2' : 'neon' },
    { image: { ...tinyOptions.image, scale: 1e-40 } },
    { image: { ...tinyOptions.image, std: [1, 1e-39, 1] } },
    { image: { ...tinyOptions.image, scale: 1e-20, std: [1, 1, 1e-20] } },
  ];
  for (const change of wrong) {
    const refused = await planModel({ ...tinyOptions, ...change });
    const [key] = Object.keys(change);
    assert.ok(refused.kind === 'failed' && refused.code === 'settings_invalid', `${key}: ${JSON.stringify(refused)}`);
    assert.match(refused.message, new RegExp(`^backbone "tiny": (engine\\.)?${key}\\b.* it must be `));
  }
  const odd = await planModel({ ...tinyOptions, image: { ...tinyOptions.image, size: 95 } });
  assert.ok(odd.kind === 'failed' && odd.code === 'settings_invalid', JSON.stringify(odd));
  const planned = await planModel(tinyOptions);
  assert.ok(planned.kind === 'planned', JSON.stringify(planned));
  assert.deepEqual(planned.plan.input, { channels: 3, height: 96, width: 96 });
  assert.equal(planned.plan.output.length, 256);
});
