import type { Machine } from '../engine/results.js';
import type { Spread } from '../measure/statistics.js';

export interface TransferResult {
  readonly machine: Machine;
  readonly command: string;
  readonly source: string;
  readonly images: number;
  readonly batch: number;
  readonly threads: number;
  readonly pairs: number;
  readonly dimensions: number;
  readonly classes: number;
  /** Milliseconds an image of the dense network in ONNX Runtime. */
  readonly dense: { readonly pixels: Spread; readonly jpeg: Spread };
  /** Milliseconds an image that the head takes by itself; most of it is hidden behind the backbone. */
  readonly learning: Spread;
  readonly rows: readonly TransferRow[];
}

/** Times as a fraction of the dense network's, round by round. */
export interface TransferRow {
  /** Per cent. */
  readonly sparsity: number;
  readonly target: number;
  /** The paper's best method: table 5 of Iofinova et al. 2022. */
  readonly paper: number;
  readonly pixels?: Spread | undefined;
  readonly jpeg?: Spread | undefined;
  readonly milliseconds?: Spread | undefined;
  /** Why it did not run. */
  readonly refusal?: string | undefined;
}
