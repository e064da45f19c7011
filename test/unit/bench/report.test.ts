import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { EngineBenchResult, NetworkResult } from '../../../bench/engine/results.js';
import { engineSections } from '../../../bench/report/engine-tables.js';
import { table } from '../../../bench/report/markdown.js';
import { replaceSection } from '../../../bench/report/page.js';
import { transferSections } from '../../../bench/report/transfer-tables.js';
import type { TransferResult } from '../../../bench/transfer/results.js';
import { ROOT } from '../../support/repository.js';

const machine = {
  date: '2026-01-02',
  cpu: 'A CPU (avx2)',
  cores: 2,
  memoryGiB: 8,
  system: 'Linux 6',
  node: 'v20.9.0',
  onnxruntime: '1.30.0',
  commit: 'abc1234',
};
const about = (median: number) => ({ median, min: median - 0.5, max: median + 0.5 });

const network: NetworkResult = {
  name: 'resnet50-90',
  title: 'ResNet-50, uniform 90 %',
  batch: 1,
  threads: 1,
  pairs: 9,
  target: 5,
  int8Target: 1.6,
  prototype: { avx512: 4, avx2: 2.6 },
  isa: 'avx512',
  milliseconds: { sparse: about(9), sparseAvx2: about(14), fp32: about(45), int8: about(15) },
  sparse: about(5.04),
  avx2: about(2.5),
  sparseOverInt8: about(1.7),
  int8OverFp32: about(3),
  difference: 2e-6,
  avx2Difference: 3e-6,
  int8Correlation: 0.9998,
  inputs: 'random',
  refusals: [],
};
const tail = { quiet: { median: 10, p99: 11 }, noisy: { median: 10, p99: 25 } };
const footprint = { resident: 50 * 2 ** 20, peak: 200 * 2 ** 20, loadMs: 900 };
const result: EngineBenchResult = {
  machine,
  command: 'npm run bench:engine',
  networks: [
    network,
    { ...network, batch: 16, threads: 2, sparse: undefined, refusals: ['sparse: no compiler'], difference: undefined },
  ],
  isolated: {
    title: 'ResNet-50',
    gapMs: 4,
    pairs: 9,
    target: 4,
    milliseconds: { sparse: about(10), fp32: about(45) },
    ratio: about(3.9),
  },
  footprint: { title: 'ResNet-50', processes: 3, sparse: footprint, fp32: { ...footprint, resident: 125 * 2 ** 20 } },
  noise: [
    { title: 'ResNet-50', threads: 2, runs: 300, sparse: tail, fp32: { ...tail, noisy: { median: 10, p99: 50 } } },
  ],
  leftOut: ['squeezenet'],
};
const transfer: TransferResult = {
  machine,
  command: 'npm run bench:transfer',
  source: 'photos of Caltech-101',
  images: 128,
  batch: 64,
  threads: 2,
  pairs: 5,
  dimensions: 2048,
  classes: 101,
  dense: { pixels: about(40), jpeg: about(42) },
  learning: about(1),
  rows: [
    { sparsity: 80, target: 0.36, paper: 0.44, pixels: about(0.35), jpeg: about(0.4), milliseconds: about(14) },
    { sparsity: 90, target: 0.22, paper: 0.28, refusal: 'no compiler' },
  ],
};

/** The row that begins so. */
function row(sections: readonly { name: string; markdown: string }[], name: string, beginning: string): string {
  const section = sections.find((one) => one.name === name);
  assert.ok(section, `no section ${name}`);
  const found = section.markdown.split('\n').find((line) => line.startsWith(`| ${beginning}`));
  assert.ok(found, `no row ${beginning} in\n${section.markdown}`);
  return found;
}

describe('tables', () => {
  const sections = engineSections(result);

  it('say the ratio with its spread, the target and whether it is met', () => {
    assert.match(
      row(sections, 'engine:networks', 'ResNet-50, uniform 90 % | 1, 1'),
      /\| 5\.04x \(4\.54 to 5\.54\) \| 5x \| met \|/,
    );
    assert.match(row(sections, 'engine:int8', 'ResNet-50, uniform 90 % | 1, 1'), /\| 1\.70x .* \| 1\.6x \| met \|/);
    assert.match(
      row(sections, 'engine:avx2', 'ResNet-50, uniform 90 % | 1, 1'),
      /\| 2\.50x .* \| 2\.6x \| not met \|.* 4x \| met \|$/,
    );
    assert.match(
      row(sections, 'engine:numerics', 'ResNet-50, uniform 90 % | 1 '),
      /\| random \| 2\.0e-6 \| 3\.0e-6 \| met \|$/,
    );
    assert.match(row(sections, 'engine:isolated', 'ResNet-50'), /\| 4x \| not met \|/);
    assert.match(row(sections, 'engine:footprint', 'resident'), /\| 50 \| 125 \| 0\.40 \| <= 0\.5 \| met \|$/);
    assert.match(row(sections, 'engine:noise', '2'), /\| 2\.50 \|.*\| 5\.00 \| 0\.50 \| <= 2 \| met \|/);
  });

  it('count as not met what did not run, and say why', () => {
    assert.match(
      row(sections, 'engine:networks', 'ResNet-50, uniform 90 % | 16, 2'),
      /did not run: sparse: no compiler .*\| not met \|/,
    );
    assert.match(row(sections, 'engine:numerics', 'ResNet-50, uniform 90 % | 16'), /\| - \|.*\| not met \|$/);
    assert.match(sections[0]!.markdown, /Left out: squeezenet\./);
  });

  it('of transfer show fractions, beside the paper', () => {
    const shown = transferSections(transfer);
    assert.match(
      row(shown, 'transfer:fractions', 'uniform 80 %'),
      /\| 0\.350 \(.*\) \| <= 0\.36 \| met \| 0\.400 .* \| 0\.44 \|/,
    );
    assert.match(row(shown, 'transfer:fractions', 'uniform 90 %'), /did not run: no compiler .*\| not met \|/);
  });

  it('refuse a row that does not fit the head', () => {
    assert.throws(() => table(['a', 'b'], [['1']]), /1 cells under 2/);
  });
});

describe('the page', () => {
  it('keeps its prose when a section is replaced', () => {
    const page = 'before\n<!-- bench:a -->\nold\n<!-- /bench:a -->\nafter\n<!-- bench:b -->\n<!-- /bench:b -->\n';
    const replaced = replaceSection(page, { name: 'a', markdown: 'new $& text' });
    assert.equal(
      replaced,
      page.replace('old', () => 'new $& text'),
    );
  });

  it('without the markers, or with two pairs, is refused', () => {
    const section = { name: 'a', markdown: 'new' };
    assert.throws(() => replaceSection('text', section), /needs <!-- bench:a -->/);
    const twice = '<!-- bench:a --><!-- /bench:a -->'.repeat(2);
    assert.throws(() => replaceSection(twice, section), /once each/);
  });

  it('docs/performance.md has a place for each section', () => {
    const page = readFileSync(join(ROOT, 'docs', 'performance.md'), 'utf8');
    const sections = [...engineSections(result), ...transferSections(transfer)];
    const filled = sections.reduce(replaceSection, page);
    for (const { markdown } of sections) assert.ok(filled.includes(markdown));
    assert.ok(!filled.includes('Not measured yet.'));
  });
});
