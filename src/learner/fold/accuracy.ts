import type { WindowAccuracy } from '../types.js';

/** The longest window that any statistic looks at. */
export const LARGEST_WINDOW = 1000;
const WINDOWS = [100, LARGEST_WINDOW] as const;

/** Accuracy over each window, from judged samples: 1 for a right prediction, else 0, oldest first. */
export function windowAccuracies(correct: ArrayLike<number>): WindowAccuracy[] {
  return WINDOWS.map((window) => {
    const count = Math.min(window, correct.length);
    let right = 0;
    for (let i = correct.length - count; i < correct.length; i++) right += correct[i]!;
    return { window, count, accuracy: count === 0 ? 0 : right / count };
  });
}
