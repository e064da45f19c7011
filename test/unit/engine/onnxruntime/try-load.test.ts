import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '../../../../src/engine/backbone.js';
import { tryOnnxRuntime } from '../../../../src/engine/onnxruntime/try-load.js';
import { FakeBackbone } from '../../../support/fake-backbone.js';

test('what ONNX Runtime refuses, or fails on, is no error but a reason; all else is thrown', async () => {
  const backbone = new FakeBackbone();
  assert.deepEqual(await tryOnnxRuntime(async () => backbone), { kind: 'loaded', backbone });
  for (const code of ['model_unsupported', 'run_failed'] as const) {
    const load = () => Promise.reject(new EngineError(code, `it is ${code}`));
    assert.deepEqual(await tryOnnxRuntime(load), { kind: 'unavailable', reason: `it is ${code}` });
  }
  for (const error of [new EngineError('model_unreadable', 'no such file'), new TypeError('a fault of ours')]) {
    await assert.rejects(
      tryOnnxRuntime(() => Promise.reject(error)),
      (thrown) => thrown === error,
    );
  }
});
