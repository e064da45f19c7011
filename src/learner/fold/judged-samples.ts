import type { ClassStatistics, ConfusedPair } from '../types.js';
import { LARGEST_WINDOW } from './accuracy.js';
import { calibrationError } from './candidates/calibration-error.js';
import { Recent } from './recent.js';

/** Judged samples column by column, oldest first. */
export interface JudgedColumns {
  /** Class indices. */
  readonly label: Float64Array;
  /** Class indices; -1: a class that is gone. */
  readonly predicted: Float64Array;
  /** Probability of the prediction. */
  readonly confidence: Float64Array;
}

const NO_CLASS = -1;
const MOST_PAIRS = 20;

/** The newest predictions that were compared with a label: what accuracy, recall, confusions and calibration are counted from. */
export class JudgedSamples {
  private readonly label: Recent;
  private readonly predicted: Recent;
  private readonly confidence: Recent;

  /** @param columns From `snapshot`. */
  constructor(columns?: JudgedColumns) {
    this.label = new Recent(LARGEST_WINDOW, columns?.label);
    this.predicted = new Recent(LARGEST_WINDOW, columns?.predicted);
    this.confidence = new Recent(LARGEST_WINDOW, columns?.confidence);
  }

  add(label: number, predicted: number, confidence: number): void {
    this.label.push(label);
    this.predicted.push(predicted);
    this.confidence.push(confidence);
  }

  /** 1 for each right prediction, else 0, oldest first. */
  correct(): Float64Array {
    const predicted = this.predicted.newest();
    return this.label.newest().map((label, i) => (label === predicted[i] ? 1 : 0));
  }

  /** See calibration-error.ts. */
  calibrationError(): number {
    return calibrationError(this.confidence.newest(), this.correct());
  }

  /** @param names In class order. @param samples Samples learned of each class. */
  byClass(names: readonly string[], samples: ArrayLike<number>): ClassStatistics[] {
    const recent = new Int32Array(names.length);
    const right = new Int32Array(names.length);
    const correct = this.correct();
    this.label.newest().forEach((label, i) => {
      recent[label]! += 1;
      right[label]! += correct[i]!;
    });
    return names.map((name, c) => ({
      name,
      samples: samples[c]!,
      recent: recent[c]!,
      recall: recent[c] === 0 ? 0 : right[c]! / recent[c]!,
    }));
  }

  /** The most frequent confusions first; of equals, the lower class indices. */
  confusions(names: readonly string[]): ConfusedPair[] {
    const counts = new Map<number, number>();
    const predicted = this.predicted.newest();
    this.label.newest().forEach((label, i) => {
      if (predicted[i] === label || predicted[i] === NO_CLASS) return;
      const pair = label * names.length + predicted[i]!;
      counts.set(pair, (counts.get(pair) ?? 0) + 1);
    });
    return [...counts]
      .sort(([pairA, a], [pairB, b]) => b - a || pairA - pairB)
      .slice(0, MOST_PAIRS)
      .map(([pair, count]) => ({
        label: names[Math.floor(pair / names.length)]!,
        predicted: names[pair % names.length]!,
        count,
      }));
  }

  /** Forgets the samples of a class that goes; where it was the answer, the answer stays wrong. */
  removeClass(index: number): void {
    const { label, predicted, confidence } = this.snapshot();
    const kept = [...label.keys()].filter((i) => label[i] !== index);
    const moved = (c: number) => (c === index ? NO_CLASS : c > index ? c - 1 : c);
    this.label.replace(kept.map((i) => moved(label[i]!)));
    this.predicted.replace(kept.map((i) => moved(predicted[i]!)));
    this.confidence.replace(kept.map((i) => confidence[i]!));
  }

  snapshot(): JudgedColumns {
    return { label: this.label.newest(), predicted: this.predicted.newest(), confidence: this.confidence.newest() };
  }
}
