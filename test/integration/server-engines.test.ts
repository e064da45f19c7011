import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pino } from 'pino';
import { loadBackbone } from '../../src/engine/index.js';
import type { Isa } from '../../src/native/index.js';
import { loadNative } from '../../src/native/index.js';
import { parseConfig } from '../../src/server/config/index.js';
import { serve } from '../../src/server/serve.js';
import { FakeLearning } from '../support/fake-learning.js';
import { tinyModel } from '../unit/engine/fixtures.js';
import { buildModel, classifierSpec } from '../unit/engine/synthetic.js';

const native = loadNative();
const skip = native.kind === 'absent' ? native.reason : false;
const timeout = 120_000;

/** A service with one real backbone. Gives the series that tells which engine runs it, and the warnings of the log. */
async function start(t: TestContext, backbone: string, env: Record<string, string> = {}) {
  const lines: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line) => void lines.push(JSON.parse(line).msg) });
  const text = `server: { httpPort: 0, grpcPort: 0 }\nbackbones: [{ name: tiny, threads: 1, ${backbone} }]`;
  const config = parseConfig(text, { baseDir: '/nowhere', env });
  const server = await serve(config, log, {
    loadBackbone,
    startLearning: async () => new FakeLearning(),
    classify: () => [],
  });
  t.after(() => server.close());
  const metrics = await (await fetch(`http://127.0.0.1:${server.httpPort}/metrics`)).text();
  return {
    series: metrics.split('\n').filter((line) => line.startsWith('headwater_engine_info{')),
    warnings: lines,
  };
}

const tiny = `model: ${JSON.stringify(tinyModel)}, image: { size: 96 }`;

test('headwater_engine_info tells the engine, its instruction set, threads and sparsity', {
  timeout,
  skip,
}, async (t) => {
  assert.ok(native.kind === 'native');
  const sparse = await start(t, `engine: sparse, ${tiny}`);
  const labels = (isa: Isa) => `backbone="tiny",engine="sparse",isa="${isa}",threads="1",sparsity="0.900"`;
  assert.deepEqual(sparse.series, [`headwater_engine_info{${labels(native.isas[0]!)}} 1`]);
  assert.deepEqual(sparse.warnings, []);
  const scalar = await start(t, `engine: sparse, ${tiny}`, { HEADWATER_ISA: 'scalar' });
  assert.deepEqual(scalar.series, [`headwater_engine_info{${labels('scalar')}} 1`]);
});

test('after a fallback it tells ONNX Runtime, and the log warned once', { timeout }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'headwater-engines-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const spec = classifierSpec('Gemm', ['odd']);
  spec.nodes.push({ name: 'odd/one', op: 'Abs', inputs: ['flat'], outputs: ['odd'] });
  const model = join(folder, 'odd.onnx');
  writeFileSync(model, buildModel(spec));
  const { series, warnings } = await start(t, `engine: sparse, model: ${JSON.stringify(model)}, image: { size: 8 }`);
  assert.equal(series.length, 1);
  assert.match(series[0]!, /backbone="tiny",engine="onnxruntime",/);
  assert.equal(warnings.length, 1, warnings.join('\n'));
  assert.match(warnings[0]!, native.kind === 'native' ? /node "odd\/one" \(Abs\)/ : /npm run setup/);
});

test('an instruction set that this machine lacks stops the start and names the setting', {
  timeout,
  skip,
}, async (t) => {
  const all: readonly Isa[] = ['avx512', 'avx2', 'neon', 'scalar'];
  const lacking = all.find((isa) => native.kind === 'native' && !native.isas.includes(isa));
  assert.ok(lacking !== undefined, 'no machine has them all');
  await assert.rejects(start(t, `engine: auto, ${tiny}`, { HEADWATER_ISA: lacking }), {
    code: 'settings_invalid',
    message: new RegExp(`engine\\.isa is ${lacking}, .* HEADWATER_ISA`),
  });
});
