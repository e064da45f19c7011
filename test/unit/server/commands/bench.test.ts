import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { BenchReport } from '../../../../src/engine/index.js';
import { loadNative } from '../../../../src/native/index.js';
import { benchLines } from '../../../../src/server/commands/bench.js';
import { runCommand } from '../../../support/run-command.js';
import { tinyModel } from '../../engine/fixtures.js';
import { buildModel, classifierSpec } from '../../engine/synthetic.js';

const native = loadNative();
const timeout = 120_000;

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headwater-bench-'));
});
after(() => rm(folder, { recursive: true, force: true }));

const run = (...argv: string[]) => runCommand('bench', ...argv);

test('--json: the fields that scripts rely on', { timeout }, async () => {
  const { status, out, err } = await run(tinyModel, '--batch', '2', '--threads', '1', '--pairs', '3', '--json');
  assert.equal(status, 0, err);
  assert.equal(err, '');
  assert.equal(out.trim().split('\n').length, 1);
  const report = JSON.parse(out) as BenchReport;
  assert.deepEqual(
    [report.model, report.output, report.size, report.batch, report.threads, report.pairs],
    [tinyModel, 'features', 96, 2, 1, 3],
  );
  const { sparse, onnxruntime } = report.engines;
  assert.ok(onnxruntime.imagesPerSecond! > 0);
  assert.equal(onnxruntime.reason, null);
  if (native.kind === 'absent') {
    assert.deepEqual(
      [report.isa, report.ratio, sparse],
      [null, null, { imagesPerSecond: null, reason: native.reason }],
    );
    return;
  }
  assert.equal(report.isa, native.isas[0]);
  assert.ok(sparse.imagesPerSecond! > 0);
  const { median, min, max } = report.ratio!;
  assert.ok(min > 0 && min <= median && median <= max, JSON.stringify(report.ratio));
});

test('a model that one engine does not run: why, the other alone, no ratio', { timeout }, async () => {
  const spec = classifierSpec('Gemm', ['odd']);
  spec.nodes.push({ name: 'odd/\u001b[2J', op: 'Abs', inputs: ['flat'], outputs: ['odd'] });
  const file = join(folder, 'odd.onnx');
  await writeFile(file, buildModel(spec));
  const { status, out } = await run(file, '--pairs', '2', '--threads', '1', '--json');
  assert.equal(status, 0);
  const report = JSON.parse(out) as BenchReport;
  assert.deepEqual([report.ratio, report.isa, report.engines.sparse.imagesPerSecond], [null, null, null]);
  assert.match(report.engines.sparse.reason!, native.kind === 'absent' ? /npm run setup/ : /\(Abs\)/);
  assert.ok(report.engines.onnxruntime.imagesPerSecond! > 0);
  const lines = benchLines(report).join('\n');
  assert.match(lines, /sparse +- /);
  assert.match(lines, /no ratio: one engine does not run this model/);
  assert.ok(!lines.includes('\u001b'));
});

test('the text names engine, instruction set and ratio', () => {
  const lines = benchLines({
    model: 'a.onnx',
    output: 'out',
    size: 224,
    batch: 16,
    threads: 2,
    isa: 'avx2',
    pairs: 15,
    engines: {
      sparse: { imagesPerSecond: 123.4, reason: null },
      onnxruntime: { imagesPerSecond: 31.25, reason: null },
    },
    ratio: { median: 3.9, min: 3.2, max: 4.4 },
  });
  assert.match(lines[0]!, /16 image\(s\) of 224 x 224 a run, 2 thread\(s\)/);
  assert.ok(lines.some((line) => /sparse \(avx2\) +123$/.test(line)));
  assert.ok(lines.some((line) => /onnxruntime +31\.25$/.test(line)));
  assert.match(lines.at(-1)!, /^ratio 3\.90 \(3\.20 to 4\.40\): sparse over ONNX Runtime/);
});

test('an open size is asked for; with --size it runs', { timeout }, async () => {
  const spec = classifierSpec('Gemm', ['scores']);
  spec.inputs = [{ name: 'image', shape: ['N', 3, 'height', 'width'] }];
  const file = join(folder, 'open.onnx');
  await writeFile(file, buildModel(spec));
  const open = await run(file, '--pairs', '1', '--threads', '1');
  assert.equal(open.status, 1);
  assert.match(open.err, /leaves the size of its input "image" open; give it with --size/);
  const given = await run(file, '--pairs', '1', '--threads', '1', '--size', '16', '--json');
  assert.equal(given.status, 0, given.err);
  assert.equal((JSON.parse(given.out) as BenchReport).size, 16);
});

test('wrong usage ends in 2, a file that is no model in 1, each with one line', async () => {
  for (const argv of [[], [tinyModel, '--pairs', '0'], [tinyModel, '--isa', 'sse'], [tinyModel, '--batch', 'x']]) {
    const { status, err } = await run(...argv);
    assert.equal(status, 2, argv.join(' '));
    assert.equal(err.trim().split('\n').length, 1);
  }
  const missing = await run(join(folder, 'missing.onnx'));
  assert.equal(missing.status, 1);
  assert.match(missing.err, /there is no such file/);
});
