import type { DeadReason } from './types.js';

/** A label that came to its end: in the training log, twice, or as a dead letter. */
export interface TracedLabel {
  readonly head: string;
  /** In the training log: the beginning of sha256 of the id (or of what stands for it); undefined when the label could not be read so far. */
  readonly key: string | undefined;
  /** The header of that name that the label came with. */
  readonly traceparent: string | undefined;
  readonly form: 'join' | 'embedding' | 'image' | undefined;
  readonly outcome: 'appended' | 'duplicate' | DeadReason;
  /** When it entered the label stream; Unix time. */
  readonly fromMs: number | undefined;
}

/** A sample on its way from the log into a head. */
export interface TracedSample {
  readonly key: string;
  readonly sequence: number;
  /** When it was put into the log; Unix time. */
  readonly loggedAtMs: number;
}

/** Told of what happens to labels, so that traces can show it. It is there only while traces are on; none of it may throw. Times are Unix time. */
export interface LearningTracer {
  labelled(label: TracedLabel): void;
  /** Samples that one call folded. */
  trained(head: string, samples: readonly TracedSample[], startMs: number, endMs: number): void;
  /** A version was stored, with all samples up to `sequence` in it. */
  stored(head: string, version: number, sequence: number, startMs: number, endMs: number): void;
}
