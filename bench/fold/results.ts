import type { Machine } from '../engine/results.js';
import type { Spread } from '../measure/statistics.js';

/** One head over a log that is there already, read and folded as fast as it goes. */
export interface RateResult {
  /** Such as `sgd`. */
  readonly learners: string;
  /** Where the threads of the process ran; nats-server has its own process, and runs where it likes. */
  readonly cores: 'one core' | 'all cores';
  readonly source: string;
  readonly dimensions: number;
  readonly classes: number;
  /** Of each round, without the first ones, in which Node.js compiles. */
  readonly samples: number;
  readonly rounds: number;
  /** Samples a second, log reading included. */
  readonly perSecond: Spread;
  /** Samples for each second that the process's threads had of the CPUs. */
  readonly perCpuSecond: Spread;
  /** Of the whole run: share of the time that the fold waited for refits. */
  readonly waiting: Spread;
  /** Samples a second; undefined: none was set for this. */
  readonly target?: number | undefined;
}

/** One head whose samples come evenly. */
export interface PacedResult {
  readonly source: string;
  /** As asked for, and as kept. */
  readonly wanted: number;
  readonly perSecond: number;
  readonly samples: number;
  readonly waits: number;
  readonly waitedSeconds: number;
  /** Share of the stream's time. */
  readonly waiting: number;
  /** From the last sample's arrival until it was folded. */
  readonly behindMs: number;
  readonly target: number;
}

export interface HeadsResult {
  readonly heads: number;
  readonly classes: number;
  readonly dimensions: number;
  readonly memoryBytes: number;
  readonly seconds: number;
  readonly wanted: number;
  readonly perSecond: number;
  /** From the last sample's arrival until all were folded. */
  readonly behindMs: number;
  readonly perCpuSecond: number;
  readonly peakBytes: number;
  readonly stateBytes: number;
  readonly fullHeads: number;
  readonly versions: number;
  /** Until all heads were taught, after a start. */
  readonly startSeconds: number;
  /** Of an end in good order: every head's state is stored. */
  readonly stopSeconds: number;
}

/** Milliseconds. */
export interface Delays {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Head requests while the head learns, and versions change, against the same process at rest, in turn. */
export interface SwapResult {
  readonly title: string;
  readonly requests: number;
  readonly perSecond: number;
  readonly failed: number;
  readonly swaps: number;
  readonly swapsPerSecond: number;
  readonly rounds: number;
  readonly quiet: Delays;
  readonly swapping: Delays;
  /** Of requests near a change of the version. */
  readonly near: Delays;
  /** Of the server's event loop. */
  readonly loopQuiet: Delays;
  readonly loopSwapping: Delays;
  /** Round by round: the slowest while versions change, less the slowest at rest. */
  readonly added: Spread;
}

export interface FoldResult {
  readonly machine: Machine;
  readonly command: string;
  readonly rates: readonly RateResult[];
  readonly paced: readonly PacedResult[];
  readonly heads?: HeadsResult | undefined;
  readonly swaps: readonly SwapResult[];
}
