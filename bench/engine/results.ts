import type { Spread } from '../measure/statistics.js';

/** What a benchmark found: plain values, as `--json` prints them and the tables show them. */
export interface EngineBenchResult {
  readonly machine: Machine;
  readonly command: string;
  readonly networks: readonly NetworkResult[];
  readonly isolated?: IsolatedResult | undefined;
  readonly footprint?: FootprintResult | undefined;
  readonly noise?: readonly NoiseResult[] | undefined;
  /** What was left out, and why. */
  readonly leftOut: readonly string[];
}

export interface Machine {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  readonly onnxruntime: string;
  readonly commit: string;
}

/** One network with one batch size and number of threads. Ratios are above 1 where the sparse engine is faster. */
export interface NetworkResult {
  readonly name: string;
  readonly title: string;
  readonly batch: number;
  readonly threads: number;
  readonly pairs: number;
  readonly target: number;
  readonly int8Target?: number | undefined;
  readonly prototype?: { readonly avx512: number; readonly avx2: number } | undefined;
  /** Instruction set of the sparse engine. */
  readonly isa: string;
  /** Milliseconds an image, by contestant. */
  readonly milliseconds: Readonly<Record<ContestantName, Spread | undefined>>;
  /** Over ONNX Runtime in FP32. */
  readonly sparse?: Spread | undefined;
  readonly avx2?: Spread | undefined;
  /** Over ONNX Runtime on the dense network in INT8. */
  readonly sparseOverInt8?: Spread | undefined;
  readonly int8OverFp32?: Spread | undefined;
  /** max |difference| / max |reference| of outputs, against ONNX Runtime in FP32. */
  readonly difference?: number | undefined;
  readonly avx2Difference?: number | undefined;
  /** Of the INT8 network's outputs with the same network's in FP32: that it computes what it should. */
  readonly int8Correlation?: number | undefined;
  readonly inputs: 'photos' | 'random';
  /** Why contestants did not take part. */
  readonly refusals: readonly string[];
}

export const contestantNames = ['sparse', 'sparseAvx2', 'fp32', 'int8'] as const;
export type ContestantName = (typeof contestantNames)[number];

/** Requests with a pause before each, batch 1, one thread. */
export interface IsolatedResult {
  readonly title: string;
  readonly gapMs: number;
  readonly pairs: number;
  readonly target: number;
  readonly milliseconds: { readonly sparse: Spread; readonly fp32: Spread };
  readonly ratio: Spread;
}

/** Bytes and milliseconds of a fresh process, median of several. */
export interface FootprintResult {
  readonly title: string;
  readonly processes: number;
  readonly sparse: Footprint;
  readonly fp32: Footprint;
}

export interface Footprint {
  /** After loading and 20 runs, less what an empty process takes. */
  readonly resident: number;
  readonly peak: number;
  readonly loadMs: number;
}

/** p99 / median of single runs, with a neighbour that burns one core, and without. */
export interface NoiseResult {
  readonly title: string;
  readonly threads: number;
  readonly runs: number;
  readonly sparse: Tail;
  readonly fp32: Tail;
}

export interface Tail {
  readonly quiet: { readonly median: number; readonly p99: number };
  readonly noisy: { readonly median: number; readonly p99: number };
}
