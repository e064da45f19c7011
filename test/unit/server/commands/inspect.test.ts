import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { ModelReport } from '../../../../src/engine/index.js';
import { main } from '../../../../src/server/cli.js';
import { tinyModel } from '../../engine/fixtures.js';
import { buildModel, classifierSpec } from '../../engine/synthetic.js';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headwater-inspect-'));
});
after(() => rm(folder, { recursive: true, force: true }));

async function run(...argv: string[]): Promise<{ status: number; out: string; err: string }> {
  const collector = () => {
    const texts: string[] = [];
    return { texts, stream: { isTTY: false, write: (text: string) => texts.push(text) > 0 } };
  };
  const [out, err] = [collector(), collector()];
  const status = await main(['inspect', ...argv], { out: out.stream, err: err.stream, input: process.stdin });
  return { status, out: out.texts.join(''), err: err.texts.join('') };
}

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
