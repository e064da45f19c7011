import type { Machine } from '../engine/results.js';
import type { Spread } from '../measure/statistics.js';

/** One quantity: what the model says, and what was measured, round by round. */
export interface Comparison {
  readonly what: string;
  readonly unit: 'bytes' | 'messages' | 'ms';
  readonly replicas: number;
  /** undefined: the model has no figure of its own for it; the first row of its name is what later ones are compared with. */
  readonly model: number | undefined;
  readonly measured: Spread;
}

/** What the processes did together, as fast as they could, with so many replicas. */
export interface Throughput {
  readonly replicas: number;
  readonly requests: Spread;
  /** Share of the answers that said `recorded`. */
  readonly recorded: number;
  /** Labels from the first one's publication until all were in the training log, and until all were learned; a second. */
  readonly joined: Spread;
  readonly learned: Spread;
  /** From the order to make a version until the last replica served it, in milliseconds. */
  readonly versionMs: Spread;
  /** Files of all nodes over what the streams hold, all copies, at the end. */
  readonly diskOverStored: number;
  /** Cores that all processes of Headwater and of NATS use while nothing happens. */
  readonly idleCores: { readonly headwater: number; readonly nats: number };
}

export interface ScalingResult {
  readonly machine: Machine;
  /** Processes that wanted a core in the minute before the start. */
  readonly load: number;
  readonly command: string;
  readonly natsServer: string;
  readonly requests: number;
  readonly rounds: number;
  readonly dimensions: number;
  readonly classes: number;
  readonly throughput: readonly Throughput[];
  readonly comparisons: readonly Comparison[];
  /** From SIGTERM to the teaching process until another one taught the head; undefined with one process. */
  readonly handOverMs?: number | undefined;
}
