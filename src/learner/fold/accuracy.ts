import type { ClassStatistics, WindowAccuracy } from '../types.js';
import { Recent } from './recent.js';

const LARGEST_WINDOW = 1000;
const WINDOWS = [100, LARGEST_WINDOW] as const;

/**
 * Accuracy over the newest samples, and recall by class. A judged sample is one number: its class's index, doubled, plus one if
 * the prediction was right.
 */
export class Accuracy {
  private readonly recent: Recent;

  /** @param values From `snapshot`. */
  constructor(values?: Int32Array) {
    this.recent = new Recent(LARGEST_WINDOW, values);
  }

  add(classIndex: number, correct: boolean): void {
    this.recent.push(classIndex * 2 + (correct ? 1 : 0));
  }

  windows(): WindowAccuracy[] {
    return WINDOWS.map((window) => {
      const values = this.recent.newest(window);
      const correct = values.reduce((sum, value) => sum + (value & 1), 0);
      return { window, count: values.length, accuracy: values.length === 0 ? 0 : correct / values.length };
    });
  }

  /** @param names In class order. @param samples Samples learned of each class. */
  byClass(names: readonly string[], samples: ArrayLike<number>): ClassStatistics[] {
    const recent = new Int32Array(names.length);
    const correct = new Int32Array(names.length);
    for (const value of this.recent.newest()) {
      recent[value >> 1]! += 1;
      correct[value >> 1]! += value & 1;
    }
    return names.map((name, c) => ({
      name,
      samples: samples[c]!,
      recent: recent[c]!,
      recall: recent[c] === 0 ? 0 : correct[c]! / recent[c]!,
    }));
  }

  snapshot(): Int32Array {
    return this.recent.newest();
  }
}
