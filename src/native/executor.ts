import type { Plan } from './plan.js';

export type Isa = 'avx512' | 'avx2' | 'neon' | 'scalar';

export interface ExecutorOptions {
  /** At least 1. */
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
  /** Resident memory of constants and arenas. */
  readonly bytes: number;
  /** @throws Error when an item's length is not what the plan takes, or the executor is closed. */
  run(items: readonly RunItem[]): Promise<RunResult>;
  /** As `run` of one image, `repetitions` times, each step timed. @returns microseconds, [repetitions][steps] */
  profile(item: RunItem, repetitions: number): Promise<Float64Array>;
  /** Lets running calls end, then frees everything. Calls that come later are refused; a second close does nothing. */
  close(): Promise<void>;
}

export interface Native {
  readonly kind: 'native';
  /** That this machine can run, the best first. */
  readonly isas: readonly Isa[];
  /**
   * @throws Error for a plan that reaches outside of its arena or constants, or an instruction set that this machine lacks; the message
   *   names the step.
   */
  createExecutor(plan: Plan, options: ExecutorOptions): Executor;
  /**
   * Gives memory back to the system that was freed but kept for later (glibc keeps what threads freed, mostly for good). Blocks for tens of
   * milliseconds: for after a load.
   */
  trimFreedMemory(): void;
}

/** The addon was not built, or can't be loaded here. */
export interface NativeAbsent {
  readonly kind: 'absent';
  /** What is missing and how to get it, in one line. */
  readonly reason: string;
}
