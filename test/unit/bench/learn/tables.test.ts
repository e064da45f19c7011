import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Baseline } from '../../../../bench/learn/baseline.js';
import type { PassResult } from '../../../../bench/learn/pass.js';
import type { FoldResult, LearnBenchResult, PairResult } from '../../../../bench/learn/results.js';
import { errorIncreases, foldResult, summarise } from '../../../../bench/learn/summarise.js';
import { learnSections } from '../../../../bench/report/learn-tables.js';

/** 40 samples of two classes, of which so many are right. */
const LABELS = Array.from({ length: 40 }, (_, index) => index % 2);
const right = (count: number) => LABELS.map((label, index) => (index < count ? label : 1 - label));
const split = { stream: [], test: Array.from(LABELS.keys()) };

interface Given {
  readonly blend: number;
  readonly slda?: number;
  readonly baseline?: number;
}

function fold({ blend, slda = 0, baseline }: Given): FoldResult {
  const pass: PassResult = {
    champion: 'blend',
    candidates: [
      { name: 'blend', predicted: right(blend) },
      { name: 'slda', predicted: right(slda) },
    ],
    calibrationError: 0.04,
    blend: { slda: 1 },
    promotions: [],
    driftAlarms: 1,
    curve: [],
    milliseconds: 1,
  };
  const offline: Baseline | undefined =
    baseline === undefined ? undefined : { baseline: 'offline', predictions: right(baseline) };
  return foldResult({ labels: LABELS }, split, pass, offline);
}

function pair(folds: readonly Given[], names: Partial<PairResult> = {}): PairResult {
  return {
    ...{ set: 'set', title: 'A set', backbone: 'pruned', samples: 200, classes: 2 },
    folds: folds.map(fold),
    curve: { window: 100, samples: [], lines: [] },
    ...names,
  };
}

const result: LearnBenchResult = {
  machine: {
    ...{ date: '2026-01-02', cpu: 'A CPU', cores: 2, memoryGiB: 8, system: 'Linux 6', node: 'v20.9.0' },
    ...{ onnxruntime: '1.30.0', commit: 'abc1234' },
  },
  command: 'npm run bench:learn',
  baseline: 'scikit-learn 1.2.1 LogisticRegression(lbfgs), standardised',
  learners: ['sgd', 'slda', 'rls', 'refit'],
  pairs: [
    pair(
      [
        { blend: 30, slda: 31, baseline: 30 },
        { blend: 32, slda: 31, baseline: 30 },
      ],
      { dense: 'whole' },
    ),
    pair(
      [
        { blend: 36, baseline: 35 },
        { blend: 34, baseline: 37 },
      ],
      { backbone: 'whole' },
    ),
  ],
  splits: [
    { title: 'A split', backbone: 'pruned', shuffles: [0.7, 0.8], baseline: 0.71, orientation: 0.765, offline: 0.737 },
  ],
  leftOut: [],
};

describe('summaries of bench:learn', () => {
  it('pair the folds, and the images', () => {
    const { auto, candidates, against } = summarise(result.pairs[0]!);
    assert.equal(auto.top1, 0.775);
    assert.deepEqual(candidates, { blend: 0.775, slda: 0.775 });
    assert.ok(Math.abs(against!.difference - 2.5) < 1e-9);
    assert.ok(Math.abs(against!.overFolds!.high - (2.5 + 12.706205 * 2.5)) < 1e-4);
    assert.equal(against!.overImages.mean, 2.5);
  });

  it('ask for half a point below at most, or for more than the baseline where slda or rls are', () => {
    const of = (blend: number, baseline: number, slda = 0) => summarise(pair([{ blend, baseline, slda }])).against!;
    assert.deepEqual([of(30, 30).target, of(30, 30).met], ['>= -0.5', true]);
    assert.equal(of(29, 30).met, false);
    assert.deepEqual([of(30, 30, 31).target, of(30, 30, 31).met], ['> 0', false]);
    assert.equal(of(31, 30, 31).met, true);
    assert.equal(of(30, 30, 30).met, true);
  });

  it('hold half a point to be met exactly', () => {
    // 200 predictions in 5 folds, one of them lost: half a point.
    const folds = [0, 0, 0, 0, 1].map((lost) => ({ blend: 30 - lost, baseline: 30 }));
    const { difference, met } = summarise(pair(folds)).against!;
    assert.ok(Math.abs(difference + 0.5) < 1e-9);
    assert.ok(met);
  });

  it('compare with nothing where the baseline did not run', () => {
    const { against, auto, champions, driftAlarms } = summarise(pair([{ blend: 30 }, { blend: 30 }]));
    assert.equal(against, undefined);
    assert.equal(auto.top1, 0.75);
    assert.deepEqual([...champions], [['blend', 2]]);
    assert.equal(driftAlarms, 2);
  });

  it('put a pruned backbone beside its dense one on the same set', () => {
    const [increase, ...others] = errorIncreases(result.pairs);
    assert.equal(others.length, 0);
    assert.ok(Math.abs(increase!.auto - (0.875 - 0.775) / 0.125) < 1e-9);
    assert.ok(Math.abs(increase!.baseline! - (0.9 - 0.75) / 0.1) < 1e-9);
    assert.deepEqual(errorIncreases([result.pairs[0]!, { ...result.pairs[1]!, set: 'another' }]), []);
  });
});

describe('tables of bench:learn', () => {
  const markdown = (of: LearnBenchResult, pictures: string[] = []) =>
    new Map(learnSections(of, pictures).map((section) => [section.name, section.markdown]));

  it('fill the three parts of the page', () => {
    assert.deepEqual([...markdown(result).keys()], ['learn:machine', 'learn:accuracy', 'learn:learners']);
  });

  it('say what was measured and what the target came to', () => {
    const accuracy = markdown(result).get('learn:accuracy')!;
    const line = accuracy.split('\n').find((text) => text.startsWith('| A set | pruned'))!;
    assert.match(line, /\| 75\.0 \| 77\.5 \| \+2\.50 \(-29\.27 to \+34\.27\) \| .* \| > 0 \| met \| .* blend \|/);
    assert.match(accuracy, /\| A set \| whole \| 90\.0 \| 87\.5 \| -2\.50 .* \| >= -0\.5 \| not met \|/);
    assert.match(accuracy, /met by 1 of 2/);
    assert.match(accuracy, /\| A set \| pruned over whole \| \+80\.0 % \| \+150\.0 % \|/);
    assert.match(accuracy, /\| A split \| pruned \| 75\.0 \(70\.0 to 80\.0, 2\) \| 71\.0 \| 73\.7 \| 76\.5 \|/);
  });

  it('show each candidate, and count the false alarms', () => {
    const learners = markdown(result, ['![A picture](pictures/a.svg)']).get('learn:learners')!;
    assert.match(
      learners,
      /\| A set \| pruned \| - \| 77\.5 \| - \| - \| 77\.5 \| 0\.040 \| 0\.00, 1\.00, 0\.00, 0\.00 \|/,
    );
    assert.match(learners, /False alarms of drift: 4 in 4 passes/);
    assert.match(learners, /!\[A picture\]/);
  });

  it('say that the baseline did not run, and why', () => {
    const without = {
      ...result,
      baseline: undefined,
      pairs: [pair([{ blend: 30 }])],
      leftOut: ['1 offline fits: no python3 with scikit-learn'],
    };
    const parts = markdown(without);
    assert.match(parts.get('learn:machine')!, /did not run\.\n\nLeft out: 1 offline fits: no python3/);
    assert.match(parts.get('learn:accuracy')!, /\| A set \| pruned \| - \| 75\.0 \| - \| - \|/);
    assert.match(parts.get('learn:accuracy')!, /met by 0 of 0/);
  });
});
