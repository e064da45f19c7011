import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { BackboneOptions, Images } from '../../../../src/engine/backbone.js';
import { loadOnnxRuntimeBackbone } from '../../../../src/engine/onnxruntime/backend.js';
import { somePixels, tinyModel, tinyOptions } from '../fixtures.js';

const entry = new URL('./crashing-worker.js', import.meta.url);
const images = (count: number): Images[] => [{ kind: 'pixels', count, data: somePixels(count, 96, 1) }];

async function load(options: BackboneOptions = tinyOptions) {
  const lines: string[] = [];
  const backbone = await loadOnnxRuntimeBackbone(options, (line) => lines.push(line), entry);
  return { backbone, lines };
}

for (const [how, count, reason] of [
  ['throws', 2, /the worker fell over/],
  ['exits', 3, /ended with code 7/],
] as const) {
  test(`a worker that ${how} fails the calls that wait and is started again`, { timeout: 120_000 }, async () => {
    const { backbone, lines } = await load();
    await backbone.embed(images(1));
    const waiting = await Promise.allSettled([backbone.embed(images(count)), backbone.embed(images(1))]);
    for (const outcome of waiting) {
      assert.equal(outcome.status, 'rejected');
      assert.equal(outcome.reason.code, 'run_failed');
      assert.match(outcome.reason.message, reason);
      assert.match(outcome.reason.message, /send the request again/);
    }
    assert.deepEqual((await backbone.embed(images(1))).embeddings, Float32Array.of(42));
    assert.ok(lines.some((line) => line.includes('started again')));
    await backbone.close();
  });
}

test('a worker that dies before its first answer stays down, with clear errors', { timeout: 120_000 }, async () => {
  const { backbone, lines } = await load();
  for (let call = 0; call < 3; call++) {
    await assert.rejects(backbone.embed(images(2)), { code: 'run_failed', message: /the worker fell over/ });
  }
  assert.ok(lines.some((line) => line.includes('stays down')));
  await backbone.close();
});

test('a model file that has changed is not loaded in the place of the first', { timeout: 120_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'headwater-engine-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const model = join(folder, 'model.onnx');
  copyFileSync(tinyModel, model);
  const { backbone } = await load({ ...tinyOptions, model });
  await backbone.embed(images(1));
  writeFileSync(model, 'no model any more');
  await assert.rejects(backbone.embed(images(2)), { code: 'run_failed' });
  await assert.rejects(backbone.embed(images(1)), {
    code: 'run_failed',
    message: /can't be started again.*restart the service/,
  });
  await backbone.close();
});

test('more calls than may wait are refused at once', { timeout: 120_000 }, async () => {
  const { backbone } = await load();
  const outcomes = await Promise.allSettled(Array.from({ length: 300 }, () => backbone.embed(images(1))));
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
  assert.equal(refused.length, 300 - 256);
  assert.match(refused[0]?.reason.message, /256 calls are waiting/);
  await backbone.close();
});
