import { log } from '../../head/log.js';
import { argmax, softmaxInPlace } from '../../head/softmax.js';
import type { CandidateName } from '../../types.js';
import { Memory, type MemoryState } from './forgetting.js';
import { Scores, type ScoresState } from './scores.js';
import { Temperature, type TemperatureState } from './temperature.js';

/** What a candidate said of one sample, compared with its label. */
export interface Judgement {
  /** Class index; -1 when there was no class to predict. */
  readonly predicted: number;
  readonly correct: boolean;
  /** Calibrated probability of the prediction. */
  readonly confidence: number;
}

export interface CandidateState {
  readonly temperature: TemperatureState;
  readonly scores: ScoresState;
  readonly memory: MemoryState;
}

/** A loss above this (a probability below 1 in 22,026) counts as this much: one wild miss must not decide who serves. */
const LOSS_LIMIT = 10;
/** Logits beyond this come from embeddings beyond all measure. */
const LOGIT_LIMIT = 1e100;

/** What may serve: its temperature, learned from how its predictions turned out, and its scores. Whoever makes its logits is another's concern. */
export class Candidate {
  readonly temperature: Temperature;
  readonly scores: Scores;
  readonly memory: Memory;
  /** Of the sample last judged: logits / temperature. Longer than the classes there are. */
  scaled = new Float64Array(8);
  /** Of the sample last judged: softmax of `scaled`. */
  probabilities = new Float64Array(8);
  private count = 0;

  constructor(
    readonly name: CandidateName,
    state?: CandidateState,
  ) {
    this.temperature = new Temperature(state?.temperature);
    this.scores = new Scores(state?.scores);
    this.memory = new Memory(state?.memory);
  }

  /**
   * Predicts and is scored; nothing is learned.
   * @param logits [count], not kept.
   * @param label Class index; -1: a class that was not known before this sample. It counts as wrong, and costs what a guess among all classes and one more does.
   */
  judge(logits: Float64Array, count: number, label: number): Judgement {
    this.calibrate(logits, count);
    const predicted = argmax(this.scaled, count);
    const correct = label >= 0 && predicted === label;
    const loss = label < 0 ? log(count + 1) : -log(this.probabilities[label]!);
    this.scores.add(correct, Math.min(loss, LOSS_LIMIT));
    return { predicted, correct, confidence: predicted < 0 ? 0 : this.probabilities[predicted]! };
  }

  /** Predicts a sample that it has learned long ago. @param logits [count], not kept. @param label Class index. */
  recall(logits: Float64Array, count: number, label: number): void {
    this.calibrate(logits, count);
    this.memory.add(argmax(this.scaled, count) === label);
  }

  /** Learns the temperature from the sample last judged. @param label A class that was known. */
  learn(label: number): void {
    this.temperature.learn(this.scaled, this.probabilities, this.count, label);
  }

  snapshot(): CandidateState {
    return { temperature: this.temperature.snapshot(), scores: this.scores.snapshot(), memory: this.memory.snapshot() };
  }

  private calibrate(logits: Float64Array, count: number): void {
    if (count > this.scaled.length) {
      this.scaled = new Float64Array(count * 2);
      this.probabilities = new Float64Array(count * 2);
    }
    this.count = count;
    const temperature = this.temperature.value;
    for (let c = 0; c < count; c++) {
      const scaled = bounded(logits[c]! / temperature);
      this.scaled[c] = scaled;
      this.probabilities[c] = scaled;
    }
    softmaxInPlace(this.probabilities, count);
  }
}

function bounded(logit: number): number {
  // What is no number is as unlikely as can be.
  return Number.isNaN(logit) ? -LOGIT_LIMIT : Math.max(-LOGIT_LIMIT, Math.min(LOGIT_LIMIT, logit));
}
