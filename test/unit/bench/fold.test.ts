import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { generatedEmbeddings } from '../../../bench/fold/embeddings.js';
import { rateFrom } from '../../../bench/fold/marks.js';
import { readOptions } from '../../../bench/fold/options.js';
import { type Answered, delaysOf, nearSwaps, swapsIn } from '../../../bench/fold/request-delays.js';
import type { FoldResult } from '../../../bench/fold/results.js';
import { foldSection } from '../../../bench/report/fold-tables.js';
import { replaceSection } from '../../../bench/report/page.js';
import { ROOT } from '../../support/repository.js';

const about = (median: number) => ({ median, min: median - 0.5, max: median + 0.5 });

describe('the rate of a learning process', () => {
  const marks = [
    { samples: 10, atMs: 1_000, cpuMs: 500 },
    { samples: 100, atMs: 2_000, cpuMs: 600 },
    { samples: 300, atMs: 2_500, cpuMs: 1_000 },
    { samples: 500, atMs: 4_000, cpuMs: 1_400 },
  ];

  it('is that from the first mark on that counts', () => {
    const { samples, perSecond, perCpuSecond } = rateFrom(marks, 50);
    assert.deepEqual({ samples, perSecond, perCpuSecond }, { samples: 400, perSecond: 200, perCpuSecond: 500 });
  });

  it('is not told of one mark', () => {
    assert.throws(() => rateFrom(marks, 400), /nothing was learned after 400/);
    assert.throws(() => rateFrom([], 0), /nothing was learned/);
  });
});

describe('delays of requests around swaps', () => {
  const answer = (sentMs: number, tookMs: number, version: number, error?: string): Answered => ({
    sentMs,
    tookMs,
    version,
    error,
  });
  const requests = [
    answer(0, 1, 1),
    answer(5, 2, 1),
    // Overtaken: it was answered by the old version after a newer one had answered.
    answer(10, 30, 1),
    answer(15, 3, 2),
    answer(20, 1, 0, 'gone'),
    answer(50, 4, 2),
    answer(60, 5, 4),
  ];

  it('are of those that came back', () => {
    const { p50, p99, max } = delaysOf(requests);
    assert.deepEqual({ p50, max }, { p50: 3.5, max: 30 });
    assert.ok(Math.abs(p99 - 28.75) < 1e-9);
    assert.ok(Number.isNaN(delaysOf([]).max));
  });

  it('a swap is the first answer of a newer version', () => {
    assert.deepEqual(swapsIn(requests), [18, 65]);
    assert.deepEqual(swapsIn([]), []);
  });

  it('near is who was under way at that time', () => {
    const near = nearSwaps(requests, [18], 5).map(({ sentMs }) => sentMs);
    assert.deepEqual(near, [10, 15, 20]);
  });
});

describe('embeddings to learn from', () => {
  it('are the same in every run, of each class in turn, and begin again', () => {
    const [one, other] = [generatedEmbeddings(16, 3, 6), generatedEmbeddings(16, 3, 6)];
    assert.equal(one.count, 6);
    for (let i = 0; i < 12; i++) {
      assert.equal(one.label(i), `class ${i % 3}`);
      assert.deepEqual(one.embedding(i), other.embedding(i % 6));
      assert.ok(one.embedding(i).every((value) => value >= 0 && Number.isFinite(value)));
    }
    assert.notDeepEqual(one.embedding(0), one.embedding(3));
  });
});

describe('options of bench:fold', () => {
  it('are read, and checked', () => {
    assert.deepEqual(readOptions([])?.only, ['rate', 'paced', 'heads', 'swap']);
    assert.deepEqual(readOptions(['--only', 'swap,rate', '--rounds', '3'])?.only, ['swap', 'rate']);
    assert.equal(readOptions(['--help']), undefined);
    for (const args of [
      ['--only', 'speed'],
      ['--rounds', '0'],
      ['--write', '--quick'],
      ['--write', '--only', 'rate'],
    ]) {
      assert.throws(() => readOptions(args), /usage: npm run bench:fold/);
    }
  });
});

describe('the section of bench:fold', () => {
  const delays = { p50: 1, p99: 3, max: 8 };
  const result: FoldResult = {
    machine: {
      date: '2026-01-02',
      cpu: 'A CPU (avx2)',
      cores: 2,
      memoryGiB: 8,
      system: 'Linux 6',
      node: 'v20.9.0',
      onnxruntime: '1.30.0',
      commit: 'abc1234',
    },
    command: 'npm run bench:fold',
    rates: [
      {
        learners: 'sgd',
        cores: 'one core',
        source: 'generated embeddings',
        dimensions: 1024,
        classes: 101,
        samples: 27_000,
        rounds: 5,
        perSecond: about(5_100),
        perCpuSecond: about(5_600),
        waiting: { median: 0, min: 0, max: 0 },
        target: 5_000,
      },
      {
        learners: 'all',
        cores: 'all cores',
        source: 'generated embeddings',
        dimensions: 1024,
        classes: 101,
        samples: 7_200,
        rounds: 5,
        perSecond: about(499),
        perCpuSecond: about(450),
        waiting: { median: 0.1, min: 0, max: 0.2 },
        target: 500,
      },
    ],
    paced: [
      {
        source: 'generated embeddings',
        wanted: 500,
        perSecond: 499.8,
        samples: 10_000,
        waits: 7,
        waitedSeconds: 0.21,
        waiting: 0.0105,
        behindMs: 12,
        target: 0.02,
      },
    ],
    heads: {
      heads: 1_000,
      classes: 10,
      dimensions: 1024,
      memoryBytes: 2 ** 31,
      seconds: 60,
      wanted: 2_000,
      perSecond: 1_998,
      behindMs: 90,
      perCpuSecond: 1_600,
      peakBytes: 1.5 * 2 ** 30,
      stateBytes: 2 ** 30,
      fullHeads: 76,
      versions: 2_400,
      startSeconds: 5,
      stopSeconds: 9,
    },
    swaps: [
      {
        title: '101 x 1024',
        requests: 20_000,
        perSecond: 200,
        failed: 0,
        swaps: 220,
        swapsPerSecond: 4.4,
        rounds: 5,
        quiet: delays,
        swapping: delays,
        near: delays,
        loopQuiet: delays,
        loopSwapping: delays,
        added: about(2),
      },
    ],
  };

  it('says which target is met, and which is not', () => {
    const { markdown } = foldSection(result);
    assert.match(markdown, /\| sgd \|.*\| one core \| 5100 \(5100 to 5101\) \| >= 5000 \| met \|/);
    assert.match(markdown, /\| all \|.*\| 499 \(499 to 500\) \| >= 500 \| not met \|/);
    assert.match(markdown, /\| 7 \(0\.21 s\) \| 1\.1 % \| < 2\.0 % \| met \|/);
    assert.match(markdown, /1998 for 60 s, the last folded after 90 ms \| 2000 \| met/);
    assert.match(markdown, /\| 2\.00 \(1\.50 to 2\.50\) \| <= 5, none failed \| met \|/);
  });

  it('a rate that was not kept, or a request that failed, is no target met', () => {
    const [swap] = result.swaps;
    const slow = { ...result.heads!, behindMs: 9_000 };
    const { markdown } = foldSection({ ...result, heads: slow, swaps: [{ ...swap!, failed: 1 }] });
    assert.match(markdown, /the last folded after 9000 ms \| 2000 \| not met/);
    assert.match(markdown, /none failed \| not met \|/);
  });

  it('docs/learning.md has a place for it', () => {
    const page = readFileSync(join(ROOT, 'docs', 'learning.md'), 'utf8');
    assert.ok(replaceSection(page, foldSection(result)).includes('### Many heads'));
  });
});
