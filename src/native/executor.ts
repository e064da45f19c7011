import type { Arithmetic } from './arithmetic.js';
import type { Plan } from './plan.js';

export type Isa = 'avx512' | 'avx2' | 'neon' | 'scalar';

/** Threads that an executor can have. */
export const mostThreads = 512;

export interface ExecutorOptions {
  /** 1 to `mostThreads`. */
  readonly threads: number;
  readonly isa: Isa | 'auto';
  /** How bytes become the network's values: the float for each byte, [channel of the network][256]. */
  readonly normalise: Float32Array;
  /** For each channel of the network, which byte of an RGB pixel it is. */
  readonly pixelChannels: readonly [number, number, number];
}

/** As the engine's `Images`. The memory is read while the run lasts and must not be written or transferred meanwhile. */
export type RunItem =
  | { readonly kind: 'pixels'; readonly count: number; readonly data: Uint8Array }
  | { readonly kind: 'input'; readonly count: number; readonly data: Float32Array };

export interface RunResult {
  /** [images, output.length]. */
  readonly embeddings: Float32Array<ArrayBuffer>;
  readonly computeMs: number;
}

/** One loaded plan with threads of its own. Calls may overlap: they run one after the other, off the event loop. */
export interface Executor {
  readonly isa: Isa;
  readonly threads: number;
  /**
   * What was asked for: constants, and the arenas that exist so far. There is one arena after the load; batches add one for each thread, as long as
   * all together stay below 1 GiB.
   */
  readonly bytes: number;
  /** @throws Error when an item's length is not what the plan takes, or the executor is closed. */
  run(items: readonly RunItem[]): Promise<RunResult>;
  /** As `run` of one image, `repetitions` (at most 10,000) times, each step timed. @returns microseconds, [repetitions][steps] */
  profile(item: RunItem, repetitions: number): Promise<Float64Array>;
  /** Lets running calls end, then frees everything. Runs that come later are refused; a second close waits for the first. */
  close(): Promise<void>;
}

export interface Native {
  readonly kind: 'native';
  /** That this machine can run, the best first. */
  readonly isas: readonly Isa[];
  /**
   * Copies the constants and checks every step of the plan on the calling thread: with the millions of non-zeros of a
   * ResNet-50 a pause of the event loop that belongs at the start.
   *
   * @throws Error for a plan that reaches outside of its arena or constants, or an instruction set that this machine lacks; the message
   *   names the step.
   */
  createExecutor(plan: Plan, options: ExecutorOptions): Executor;
  /**
   * The learners' arithmetic, which gives the same bits with each instruction set. Its functions throw, with the argument's name, for what has the wrong type
   * or length, or overlaps what is written.
   *
   * @throws Error for an instruction set that this machine lacks
   */
  arithmetic(isa: Isa | 'auto'): Arithmetic;
  /**
   * Gives memory back to the system that was freed but kept for later (glibc keeps what threads freed, mostly for good). Blocks for tens of
   * milliseconds: for after a load, at the start.
   */
  trimFreedMemory(): void;
}

/** The addon was not built, or can't be loaded here. */
export interface NativeAbsent {
  readonly kind: 'absent';
  /** What is missing and how to get it, in one line. */
  readonly reason: string;
}
