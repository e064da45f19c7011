import { seededRandom, shuffled } from '../../src/server/data/random.js';

/**
 * Stratified folds: which fold each sample is tested in. Each class is shuffled and dealt out; the next class goes on where it ended,
 * so folds differ by one sample at most, over all and in each class.
 *
 * @param labels class index of each sample
 * @returns [labels.length] 0 to folds - 1; the same for the same seed on every machine
 */
export function stratifiedFolds(labels: readonly number[], folds: number, seed: number): number[] {
  const members = new Map<number, number[]>();
  labels.forEach((label, index) => {
    const found = members.get(label);
    if (found === undefined) members.set(label, [index]);
    else found.push(index);
  });
  const fold = new Array<number>(labels.length).fill(0);
  const random = seededRandom(seed);
  let dealt = 0;
  for (const label of [...members.keys()].sort((left, right) => left - right)) {
    for (const index of shuffled(members.get(label)!, random() * 2 ** 32)) fold[index] = dealt++ % folds;
  }
  return fold;
}

/** The order in which the samples would come; a fold's stream is this order without the samples that it tests. */
export function streamOrder(count: number, seed: number): number[] {
  return shuffled(
    Array.from({ length: count }, (_, index) => index),
    seed,
  );
}
