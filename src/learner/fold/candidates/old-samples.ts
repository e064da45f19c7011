import { Reservoir, type ReservoirState } from '../../learners/refit/reservoir.js';

/** Members at most. */
export const OLD_SAMPLES = 128;
/** A sample is old when so many have come after it. */
const OLD_AFTER = 100;
const SEED = 1;

export interface OldSamplesState {
  readonly reservoir: ReservoirState;
  /** Slot that is looked at next. */
  readonly next: number;
}

export interface OldSample {
  /** [dimensions] A view, valid until a sample is added. */
  readonly embedding: Float32Array;
  readonly classIndex: number;
}

/** Some samples of the stream's past, balanced over the classes: what a learner that forgets no longer knows. */
export class OldSamples {
  private reservoir: Reservoir;
  private next: number;

  /** @param classes How many there are, when there is no state. */
  constructor(
    private readonly dimensions: number,
    classes: number,
    state?: OldSamplesState,
  ) {
    this.reservoir = state
      ? new Reservoir(dimensions, OLD_SAMPLES, SEED, state.reservoir)
      : emptyReservoir(dimensions, classes);
    this.next = state?.next ?? 0;
  }

  get bytes(): number {
    return this.reservoir.bytes;
  }

  addClass(): void {
    this.reservoir.addClass();
  }

  removeClass(index: number): void {
    this.reservoir.removeClass(index);
  }

  /** @param samples Learned so far, this one included. */
  add(embedding: Float32Array, classIndex: number, samples: number): void {
    this.reservoir.add(embedding, classIndex, samples);
  }

  /** One of the old members, each in its turn. @param samples Learned so far. @returns undefined: none is old enough. */
  draw(samples: number): OldSample | undefined {
    const { reservoir } = this;
    for (let i = 0; i < reservoir.size; i++) {
      const slot = this.next % reservoir.size;
      this.next = slot + 1;
      if (reservoir.birth(slot) > samples - OLD_AFTER) continue;
      return { embedding: reservoir.embedding(slot), classIndex: reservoir.label(slot) };
    }
    return undefined;
  }

  /** The past is of no interest any more. @param classes How many there are. */
  clear(classes: number): void {
    this.reservoir = emptyReservoir(this.dimensions, classes);
    this.next = 0;
  }

  snapshot(): OldSamplesState {
    return { reservoir: this.reservoir.snapshot(), next: this.next };
  }
}

function emptyReservoir(dimensions: number, classes: number): Reservoir {
  const reservoir = new Reservoir(dimensions, OLD_SAMPLES, SEED);
  for (let c = 0; c < classes; c++) reservoir.addClass();
  return reservoir;
}
