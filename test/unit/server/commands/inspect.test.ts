import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { ModelReport, TimedReport } from '../../../../src/engine/index.js';
import { loadNative } from '../../../../src/native/index.js';
import { runCommand } from '../../../support/run-command.js';
import { tinyModel } from '../../engine/fixtures.js';
import { buildModel, classifierSpec } from '../../engine/synthetic.js';

const native = loadNative();

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headwater-inspect-'));
});
after(() => rm(folder, { recursive: true, force: true }));

const run = (...argv: string[]) => runCommand('inspect', ...argv);

test('a line for each layer, then totals and passes', async () => {
  const { status, out, err } = await run(tinyModel);
  assert.equal(status, 0, err);
  assert.equal(err, '');
  assert.match(out, /embedding {3}features, 256 values/);
  assert.match(out, /\/l1\/c2\/Conv +Conv 3x3 \+ residual \+ Relu +32x48x48 +32x48x48 +9,216 +922 +90\.0 %/);
  assert.match(out, /weights +2,771,808, of them zero 2,493,850 \(90\.0 %\)/);
  assert.match(out, /multiply-adds +270\.95 M, of them useful 28\.\d\d M \(10\.7 %\)/);
  assert.match(out, /7 {2}sums fused into the convolution before/);
  assert.ok(out.split('\n').every((line) => line.length < 200));
});

test('--json prints one object with the same figures', async () => {
  const { status, out } = await run(tinyModel, '--json', '--output', '/stem/Conv_output_0');
  assert.equal(status, 0);
  assert.equal(out.trim().split('\n').length, 1);
  const report = JSON.parse(out) as ModelReport;
  assert.equal(report.embedding.tensor, '/stem/Conv_output_0');
  assert.equal(report.graph!.dimensions, 32 * 48 * 48);
  assert.equal(report.graph!.totals.weights, 864);
});

test('each layer has its kernel, the reason for it and its layout; the plan has its memory', async () => {
  const { out } = await run(tinyModel);
  assert.match(out, /\/stem\/Conv +dense 3x3\/2 +4x4 tiles of 12x12, halo \S+ +100\.0 % non-zero: dense is faster/);
  assert.match(out, /\/l1\/c1\/Conv +sparse 3x3 +4x4 tiles of 12x12, halo \S+ +10\.0 % non-zero: skips zeros/);
  assert.match(
    out,
    /activations +\d+\.\d+ [KM]iB in one arena for each thread, .* \(\d+\.\d+ [KM]iB are in use at once\)/,
  );
  assert.match(out, /packed weights \d+\.\d\d MiB, walked by \d+ steps/);
  assert.equal(out.match(/arena/g)?.length, 1, 'one arena, told once');
  assert.doesNotMatch(out, /MICROSECONDS|No times/);
  const { graph } = JSON.parse((await run(tinyModel, '--json')).out) as ModelReport;
  const { plan, layers } = graph!;
  assert.deepEqual(
    plan!.layers.flatMap(({ node }) => (node === '' ? [] : [node])),
    layers.map(({ name }) => name),
    'every layer of the graph is planned, in order',
  );
  // 277,122 non-zeros in sparse layers of at least 6 bytes each.
  assert.ok(plan!.constantBytes > 6 * 277_000 && plan!.constantBytes < 4 * 2_771_808, `${plan!.constantBytes}`);
  assert.ok(plan!.arenaBytes >= plan!.aliveBytes && plan!.aliveBytes > 2 * 4 * 32 * 48 * 48, `${plan!.arenaBytes}`);
});

test('--time shows where the time goes, or what is missing for that', { timeout: 120_000 }, async () => {
  const { status, out, err } = await run(tinyModel, '--time', '--threads', '1');
  assert.equal(status, 0, err);
  const json = JSON.parse((await run(tinyModel, '--time', '--isa', 'scalar', '--json')).out) as TimedReport;
  if (native.kind === 'absent') {
    assert.match(out, /No times: .*npm run setup/);
    assert.deepEqual([json.times, json.notTimed], [null, native.reason]);
    return;
  }
  assert.match(out, /LAYER +KERNEL +MICROSECONDS +SHARE +GFLOP\/S +LAYOUT +WHY/);
  assert.match(out, /\/l1\/c1\/Conv +sparse 3x3 +\d+\.\d +\d+\.\d % +\d+\.\d +4x4 tiles/);
  assert.match(out, new RegExp(`One image takes [\\d,]+ microseconds \\(${native.isas[0]}, 1 thread`));
  const { isa, threads, repetitions, microseconds, layers } = json.times!;
  assert.deepEqual([isa, threads, json.notTimed], ['scalar', 1, null]);
  assert.ok(repetitions >= 20);
  assert.equal(layers.length, json.graph!.plan!.layers.length);
  assert.ok(Math.abs(layers.reduce((sum, { share }) => sum + share, 0) - 1) < 1e-9);
  assert.ok(layers.every((layer) => layer.microseconds >= 0 && layer.microseconds <= 2 * microseconds));
  const conv = layers.find(({ node }) => node === '/l1/c1/Conv')!;
  const useful = json.graph!.layers.find(({ name }) => name === '/l1/c1/Conv')!.weights!.usefulMultiplyAdds;
  assert.ok(Math.abs(conv.gigaflops! - (2 * useful) / conv.microseconds / 1000) < 1e-9);
  assert.equal(layers.find(({ node }) => node === '/ReduceMean')!.gigaflops, null);
});

test('--time: an image that is no square is timed, too', { timeout: 120_000 }, async () => {
  const spec = classifierSpec('Gemm', ['scores']);
  spec.inputs = [{ name: 'image', shape: ['N', 3, 12, 20] }];
  const file = join(folder, 'oblong.onnx');
  await writeFile(file, buildModel(spec));
  const { status, out, err } = await run(file, '--time', '--threads', '1', '--json');
  assert.equal(status, 0, err);
  const { graph, times, notTimed } = JSON.parse(out) as TimedReport;
  assert.deepEqual(graph!.inputShape, ['N', 3, 12, 20]);
  if (native.kind === 'absent') assert.equal(notTimed, native.reason);
  else assert.equal(times?.layers.length, graph!.plan!.layers.length, String(notTimed));
});

test('an instruction set that this machine lacks is told by name', {
  skip: native.kind === 'absent' ? native.reason : false,
}, async () => {
  assert.ok(native.kind === 'native');
  const lacking = (['avx512', 'avx2', 'neon'] as const).find((isa) => !native.isas.includes(isa));
  const { status, err } = await run(tinyModel, '--time', '--isa', lacking!);
  assert.equal(status, 1);
  assert.match(err, new RegExp(`engine\\.isa is ${lacking}, which this machine can't run`));
});

test('what is not supported is listed with its node and reason, and names are escaped', async () => {
  const spec = classifierSpec('Gemm', ['scores']);
  spec.nodes[0]!.name = 'evil\u001b[2J\nname';
  spec.nodes[0]!.attributes = { mystery: 1 };
  const file = join(folder, 'odd.onnx');
  await writeFile(file, buildModel(spec));
  const { status, out } = await run(file);
  assert.equal(status, 0);
  assert.match(out, /ONNX Runtime may run it/);
  assert.match(out, /evil\\u\{1b\}\[2J\\u\{a\}name +Conv +the attribute "mystery"/);
  assert.ok(!out.includes('\u001b'));
});

test('wrong usage ends in 2, a file that is no model in 1, each with one line', async () => {
  const missing = await run();
  assert.equal(missing.status, 2);
  const size = await run(tinyModel, '--size', 'big');
  assert.equal(size.status, 2);
  const file = join(folder, 'text.onnx');
  await writeFile(file, 'hello');
  const text = await run(file);
  assert.equal(text.status, 1);
  assert.match(text.err, /not an ONNX model/);
  assert.equal(text.err.trim().split('\n').length, 1);
});

test('help has an example', async () => {
  const { status, out } = await run('--help');
  assert.equal(status, 0);
  assert.match(out, /headwater inspect models\/tiny_acdc90\.onnx/);
});
