// A real network replaced by itself and by a damaged file, while requests run.
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, realpathSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { credentials } from '@grpc/grpc-js';
import { pino } from 'pino';
import { inference } from '../../protos/index.js';
import { loadBackbone } from '../../src/engine/index.js';
import { parseConfig } from '../../src/server/config/index.js';
import { serve } from '../../src/server/serve.js';
import { FakeLearning } from '../support/fake-learning.js';
import { call, failure, readRawFloats } from '../support/test-server.js';
import { tinyModel } from '../unit/engine/fixtures.js';

const ROUNDS = 3;

test('a real backbone is replaced under load: every answer is bit for bit the same', {
  timeout: 300_000,
}, async (t) => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'headwater-reload-')));
  t.after(() => rmSync(folder, { recursive: true }));
  copyFileSync(tinyModel, join(folder, 'same.onnx'));
  copyFileSync(tinyModel, join(folder, 'damaged.onnx'));
  truncateSync(join(folder, 'damaged.onnx'), 1000);
  const backbone = {
    name: 'tiny',
    model: tinyModel,
    threads: 1,
    image: { size: 96, resize: 110 },
    engine: 'onnxruntime',
  };
  const ports = { grpcPort: 0, httpPort: 0 };
  const text = JSON.stringify({ server: ports, backbones: [backbone], repository: { folder } });
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line) => void lines.push(JSON.parse(line).msg) });
  const parts = { loadBackbone, startLearning: async () => new FakeLearning(), classify: () => [] };
  const running = await serve(parseConfig(text, { baseDir: '/nowhere' }), log, parts);
  t.after(() => running.close());
  const client = new inference.GRPCInferenceService(`127.0.0.1:${running.grpcPort}`, credentials.createInsecure());
  t.after(() => client.close());

  const image = Buffer.from(Uint8Array.from({ length: 96 * 96 * 3 }, (_, index) => (index * 37) % 251));
  const request = {
    modelName: 'tiny',
    inputs: [{ name: 'pixels', datatype: 'UINT8', shape: [1, 96, 96, 3] }],
    rawInputContents: [image],
  };
  const embed = async () => readRawFloats((await call(client.ModelInfer, client, request)).rawOutputContents[0]!);
  const load = (model?: string) => {
    const parameters: Record<string, { stringParam: string }> =
      model === undefined ? {} : { model: { stringParam: model } };
    return call(client.RepositoryModelLoad, client, { modelName: 'tiny', parameters });
  };

  const expected = await embed();
  let loading = true;
  let answered = 0;
  const worker = async () => {
    while (loading) {
      assert.deepEqual(await embed(), expected);
      answered++;
    }
  };
  const workers = Array.from({ length: 4 }, worker);
  for (let round = 0; round < ROUNDS; round++) await load(round === 1 ? 'same.onnx' : undefined);
  assert.match((await failure(load('damaged.onnx'))).details, /damaged\.onnx/);
  loading = false;
  await Promise.all(workers);
  assert.ok(answered > 0);
  assert.deepEqual(await embed(), expected);

  const reloads = lines.filter((line) => /: identity [0-9a-f]{12} -> [0-9a-f]{12}$/.test(line));
  assert.equal(reloads.length, ROUNDS);
  const { modelStats } = await call(client.ModelStatistics, client, { name: 'tiny' });
  const { inferenceStats, inferenceCount } = modelStats[0]!;
  assert.deepEqual([inferenceStats!.success!.count, inferenceStats!.fail!.count], [answered + 2, 0]);
  assert.equal(inferenceCount, answered + 2);

  await call(client.RepositoryModelUnload, client, { modelName: 'tiny' });
  assert.equal((await call(client.ModelReady, client, { name: 'tiny' })).ready, false);
  await load();
  assert.deepEqual(await embed(), expected);
});
