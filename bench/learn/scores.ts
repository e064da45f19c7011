/** Fractions, 0 to 1. */
export interface Score {
  readonly top1: number;
  /** Mean over the classes of the fraction of their samples that are right. */
  readonly meanPerClass: number;
}

/** An estimate with its interval of 95 % confidence. */
export interface Interval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/** Student's t distribution with 1, 2, 3, ... degrees of freedom: 95 % lie between minus this and this. */
const T_QUANTILES = [12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157];
const NORMAL_QUANTILE = 1.959964;

/**
 * @param predicted [samples] class index; -1: none @param labels [samples] class index
 * @throws Error when there is no sample
 */
export function scoreOf(predicted: readonly number[], labels: readonly number[]): Score {
  if (labels.length === 0 || predicted.length !== labels.length) {
    throw new Error(`${predicted.length} predictions of ${labels.length} samples`);
  }
  const byClass = new Map<number, { right: number; count: number }>();
  labels.forEach((label, index) => {
    const seen = byClass.get(label) ?? { right: 0, count: 0 };
    byClass.set(label, seen);
    seen.count += 1;
    if (predicted[index] === label) seen.right += 1;
  });
  const classes = [...byClass.values()];
  return {
    top1: classes.reduce((sum, { right }) => sum + right, 0) / labels.length,
    meanPerClass: mean(classes.map(({ right, count }) => right / count)),
  };
}

/**
 * Of paired differences that are few, one for each fold: Student's t, with one degree of freedom less than there are. (The folds' training parts
 * overlap, so the differences depend on each other a little, and the interval is somewhat too narrow: Bengio and Grandvalet 2004.)
 * @throws Error for fewer than 2, or more than 10
 */
export function intervalOverFolds(differences: readonly number[]): Interval {
  const quantile = T_QUANTILES[differences.length - 2];
  if (quantile === undefined) throw new Error(`an interval over ${differences.length} folds`);
  return around(differences, quantile);
}

/** Of paired differences that are many, one for each image: the normal distribution. @throws Error for fewer than 30 */
export function intervalOverImages(differences: readonly number[]): Interval {
  if (differences.length < 30) throw new Error(`an interval over ${differences.length} images`);
  return around(differences, NORMAL_QUANTILE);
}

/**
 * By how much the error grows when the backbone is pruned, as a fraction of the dense one's (Iofinova et al. 2022, section 3.1): (dense - pruned) /
 * (1 - dense), of accuracies. Below 0: the pruned backbone is the better one.
 */
export function relativeErrorIncrease(pruned: number, dense: number): number {
  return (dense - pruned) / (1 - dense);
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function around(differences: readonly number[], quantile: number): Interval {
  const center = mean(differences);
  const squares = differences.reduce((sum, value) => sum + (value - center) ** 2, 0);
  const reach = quantile * Math.sqrt(squares / (differences.length - 1) / differences.length);
  return { mean: center, low: center - reach, high: center + reach };
}
