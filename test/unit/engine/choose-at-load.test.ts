import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Backbone } from '../../../src/engine/backbone.js';
import { EngineError } from '../../../src/engine/backbone.js';
import type { TrialOutcome } from '../../../src/engine/choose-engine.js';
import type { EngineParts } from '../../../src/engine/load-backbone.js';
import { loadBackbone } from '../../../src/engine/load-backbone.js';
import type { SparseLoad } from '../../../src/engine/sparse/backend.js';
import { FakeBackbone } from '../../support/fake-backbone.js';
import { tinyOptions } from './fixtures.js';

const pairs = (ratio: number): TrialOutcome => ({
  kind: 'timed',
  disagreement: 0,
  pairs: new Array(9).fill({ sparse: 1, onnxruntime: ratio }),
});

interface Given {
  readonly engine?: 'auto' | 'sparse' | 'onnxruntime';
  /** Why there is no sparse engine, or what loading it throws. */
  readonly unavailable?: string | Error;
  readonly onnxruntimeFails?: Error;
  readonly trial?: TrialOutcome | Error;
}

/** Loads with engines that are not there, and keeps what they were told. */
async function load({ engine = 'auto', unavailable, onnxruntimeFails, trial = pairs(2) }: Given) {
  const sparse = new FakeBackbone({ name: 'sparse' });
  const onnxruntime = new FakeBackbone({ name: 'onnxruntime' });
  const calls: string[] = [];
  let trimmed = 0;
  const infos: string[] = [];
  const warnings: string[] = [];
  const parts: EngineParts = {
    loadSparse: async (_, log): Promise<SparseLoad> => {
      calls.push('sparse');
      if (unavailable instanceof Error) throw unavailable;
      if (unavailable !== undefined) return { kind: 'unavailable', reason: unavailable };
      log('the embedding is this');
      return { kind: 'loaded', backbone: sparse };
    },
    loadOnnxRuntime: async (_, log) => {
      calls.push('onnxruntime');
      if (onnxruntimeFails !== undefined) throw onnxruntimeFails;
      log('the embedding is this');
      return onnxruntime;
    },
    runTrial: async () => {
      calls.push('trial');
      if (trial instanceof Error) throw trial;
      return trial;
    },
    trimMemory: () => void trimmed++,
  };
  const log = (line: string, level = 'info') => void (level === 'warn' ? warnings : infos).push(line);
  let backbone: Backbone | undefined;
  let error: unknown;
  try {
    backbone = await loadBackbone({ ...tinyOptions, engine }, log, parts);
  } catch (thrown) {
    error = thrown;
  }
  assert.equal(trimmed, backbone === undefined || engine === 'onnxruntime' ? 0 : 1);
  return { backbone, error, sparse, onnxruntime, calls, infos, warnings };
}

test('auto takes the faster engine, closes the other and says what was measured', async () => {
  const fast = await load({ trial: pairs(2) });
  assert.equal(fast.backbone, fast.sparse);
  assert.deepEqual([fast.sparse.closed, fast.onnxruntime.closed], [false, true]);
  assert.deepEqual(fast.warnings, []);
  assert.equal(fast.infos.length, 2, 'the embedding is told once');
  assert.match(fast.infos[1]!, /^backbone tiny: engine auto takes the sparse engine: .* ratio 2\.00/);

  const slow = await load({ trial: pairs(1.04) });
  assert.equal(slow.backbone, slow.onnxruntime);
  assert.deepEqual([slow.sparse.closed, slow.onnxruntime.closed], [true, false]);
  assert.deepEqual(slow.warnings, []);
  assert.match(slow.infos[1]!, /engine auto takes ONNX Runtime: .* ratio 1\.04/);
});

for (const engine of ['auto', 'sparse'] as const) {
  test(`${engine}: what the sparse engine can't run falls back with one warning that gives the reason`, async () => {
    const reason = 'node "/pool" (LpPool): this operator is not supported';
    const { backbone, onnxruntime, calls, warnings } = await load({ engine, unavailable: reason });
    assert.equal(backbone, onnxruntime);
    assert.deepEqual(calls, ['sparse', 'onnxruntime'], 'no trial');
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /^backbone tiny: ONNX Runtime runs it, .*node "\/pool" \(LpPool\)/);
  });

  test(`${engine}: a fault of the file or a setting is thrown, not worked around`, async () => {
    const fault = new EngineError('settings_invalid', 'engine.isa is neon');
    const { error, calls } = await load({ engine, unavailable: fault });
    assert.equal(error, fault);
    assert.deepEqual(calls, ['sparse']);
  });
}

test('sparse and onnxruntime load nothing else', async () => {
  assert.deepEqual((await load({ engine: 'sparse' })).calls, ['sparse']);
  assert.deepEqual((await load({ engine: 'onnxruntime' })).calls, ['onnxruntime']);
});

test('auto: a model that ONNX Runtime refuses runs on the sparse engine, with a warning', async () => {
  const refusal = new EngineError('model_unsupported', 'tiny.onnx: no such operator');
  const { backbone, sparse, warnings, calls } = await load({ onnxruntimeFails: refusal });
  assert.equal(backbone, sparse);
  assert.equal(sparse.closed, false);
  assert.deepEqual(calls, ['sparse', 'onnxruntime']);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /ONNX Runtime does not \(tiny\.onnx: no such operator\)/);
});

test('auto: any other failure of ONNX Runtime closes what was loaded and is thrown', async () => {
  const failure = new EngineError('model_unreadable', 'tiny.onnx is gone');
  const { error, sparse } = await load({ onnxruntimeFails: failure });
  assert.equal(error, failure);
  assert.equal(sparse.closed, true);
});

test('auto: a failure in the trial takes the other engine, with one warning', async () => {
  for (const engine of ['sparse', 'onnxruntime'] as const) {
    const other = engine === 'sparse' ? 'onnxruntime' : 'sparse';
    const loaded = await load({ trial: { kind: 'failed', engine, reason: 'it broke' } });
    assert.equal(loaded.backbone, loaded[other]);
    assert.equal(loaded[engine].closed, true);
    assert.equal(loaded.warnings.length, 1);
    assert.match(loaded.warnings[0]!, /it broke/);
  }
});

test('auto: a trial that breaks down leaves nothing loaded', async () => {
  const { error, sparse, onnxruntime } = await load({ trial: new Error('a fault of ours') });
  assert.match(String(error), /a fault of ours/);
  assert.deepEqual([sparse.closed, onnxruntime.closed], [true, true]);
});
