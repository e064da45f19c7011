import type { CandidateName } from '../../src/learner/index.js';
import type { Baseline } from './baseline.js';
import type { EmbeddingsInfo } from './embedding-cache.js';
import type { PassResult, Split } from './pass.js';
import type { BaselineFold, FoldResult, PairResult } from './results.js';
import {
  type Interval,
  intervalOverFolds,
  intervalOverImages,
  mean,
  relativeErrorIncrease,
  type Score,
  scoreOf,
} from './scores.js';

/** How far `auto` may be behind, in points. */
const MOST_BEHIND = 0.5;

/** Of all folds together; differences in points, `auto` less the baseline. */
export interface PairSummary {
  readonly auto: Score;
  readonly candidates: Readonly<Partial<Record<CandidateName, number>>>;
  readonly calibrationError: number;
  readonly blend: Readonly<Partial<Record<CandidateName, number>>>;
  /** How many passes ended with it. */
  readonly champions: ReadonlyMap<CandidateName, number>;
  readonly driftAlarms: number;
  /** undefined: the baseline did not run. */
  readonly against?: Comparison | undefined;
}

export interface Comparison {
  readonly baseline: Score;
  readonly difference: number;
  /** undefined: of one fold there is none. */
  readonly overFolds?: Interval | undefined;
  readonly overImages: Interval;
  /** `>= -0.5`, or `> 0` where slda or rls alone are better than the baseline. */
  readonly target: string;
  readonly met: boolean;
}

/** Of one pass. @param baseline undefined: it did not run */
export function foldResult(
  { labels }: Pick<EmbeddingsInfo, 'labels'>,
  { test }: Split,
  pass: PassResult,
  baseline: Baseline | undefined,
): FoldResult {
  const truth = test.map((index) => labels[index]!);
  const champion = pass.candidates.find(({ name }) => name === pass.champion)!;
  const scored = pass.candidates.map(({ name, predicted }) => [name, scoreOf(predicted, truth)] as const);
  return {
    champion: pass.champion,
    auto: scoreOf(champion.predicted, truth),
    candidates: Object.fromEntries(scored),
    calibrationError: pass.calibrationError,
    blend: pass.blend,
    driftAlarms: pass.driftAlarms,
    baseline:
      baseline &&
      compareWith(
        champion.predicted,
        test.map((index) => baseline.predictions[index]!),
        truth,
      ),
  };
}

function compareWith(mine: readonly number[], theirs: readonly number[], truth: readonly number[]): BaselineFold {
  const right = (predicted: readonly number[], i: number) => (predicted[i] === truth[i] ? 1 : 0);
  return { ...scoreOf(theirs, truth), differences: truth.map((_, i) => right(mine, i) - right(theirs, i)) };
}

export function summarise({ folds }: Pick<PairResult, 'folds'>): PairSummary {
  const names = Object.keys(folds[0]!.candidates) as CandidateName[];
  const champions = new Map<CandidateName, number>();
  for (const { champion } of folds) champions.set(champion, (champions.get(champion) ?? 0) + 1);
  const shares = Object.keys(folds[0]!.blend) as CandidateName[];
  return {
    auto: meanScore(folds.map(({ auto }) => auto)),
    candidates: Object.fromEntries(
      names.map((name) => [name, mean(folds.map(({ candidates }) => candidates[name]!.top1))]),
    ),
    calibrationError: mean(folds.map(({ calibrationError }) => calibrationError)),
    blend: Object.fromEntries(shares.map((name) => [name, mean(folds.map(({ blend }) => blend[name] ?? 0))])),
    champions,
    driftAlarms: folds.reduce((sum, { driftAlarms }) => sum + driftAlarms, 0),
    against: compare(folds),
  };
}

function compare(folds: readonly FoldResult[]): Comparison | undefined {
  const baselines = folds.flatMap(({ baseline }) => baseline ?? []);
  if (baselines.length < folds.length) return undefined;
  const differences = folds.map(({ auto }, fold) => 100 * (auto.top1 - baselines[fold]!.top1));
  const baseline = meanScore(baselines);
  const beaten = (['slda', 'rls'] as const).some(
    (name) => mean(folds.map(({ candidates }) => candidates[name]?.top1 ?? 0)) > baseline.top1 + 1e-9,
  );
  const difference = mean(differences);
  return {
    baseline,
    difference,
    overFolds: differences.length > 1 ? intervalOverFolds(differences) : undefined,
    overImages: intervalOverImages(baselines.flatMap((fold) => fold.differences.map((each) => 100 * each))),
    target: beaten ? '> 0' : `>= -${MOST_BEHIND}`,
    // What is exactly on the line may be a hair's breadth below in floating point.
    met: beaten ? difference > 1e-9 : difference >= -MOST_BEHIND - 1e-9,
  };
}

function meanScore(scores: readonly Score[]): Score {
  return { top1: mean(scores.map(({ top1 }) => top1)), meanPerClass: mean(scores.map((score) => score.meanPerClass)) };
}

/** A pruned backbone beside its dense one, on one set. */
export interface ErrorIncrease {
  readonly set: string;
  readonly title: string;
  readonly backbone: string;
  readonly dense: string;
  /** Relative, as fractions of the dense backbone's error. */
  readonly auto: number;
  readonly baseline?: number | undefined;
}

/** For every pruned backbone whose dense one was measured on the same set. */
export function errorIncreases(pairs: readonly PairResult[]): ErrorIncrease[] {
  return pairs.flatMap((pair) => {
    const dense = pairs.find(({ set, backbone }) => set === pair.set && backbone === pair.dense);
    if (dense === undefined) return [];
    const [pruned, whole] = [summarise(pair), summarise(dense)];
    const { set, title, backbone } = pair;
    return {
      ...{ set, title, backbone, dense: dense.backbone },
      auto: relativeErrorIncrease(pruned.auto.top1, whole.auto.top1),
      baseline:
        pruned.against &&
        whole.against &&
        relativeErrorIncrease(pruned.against.baseline.top1, whole.against.baseline.top1),
    };
  });
}
