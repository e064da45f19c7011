import type { TimeOptions } from '../../../engine/index.js';

/** A network as the engine runs it, layer by layer, in the order in which they run. Names come from the model's file. */
export interface LayersReport {
  readonly layers: readonly LayerReport[];
  /** All of them, those that `layers` leaves out included. */
  readonly layerCount: number;
  /** Part of the weights that is zero, 0 to 1. */
  readonly sparsity: number;
  readonly multiplyAdds: number;
  /** With weights that are not zero. */
  readonly usefulMultiplyAdds: number;
  /** Of one image on one thread; null: not timed, `problem` says why. */
  readonly microseconds: number | null;
  readonly isa: string | null;
  /** Why there are no layers, or no times; null when there are. */
  readonly problem: string | null;
}

export interface LayerReport {
  readonly name: string;
  readonly operation: string;
  readonly kernel: string;
  /** Without the batch, such as `32x112x112`. */
  readonly output: string;
  /** null: it has no weights. */
  readonly weights: number | null;
  readonly sparsity: number | null;
  readonly microseconds: number | null;
  /** Of the sum of all layers, 0 to 1. */
  readonly share: number | null;
}

export type MeasureRequest = TimeOptions;
export type MeasureReply = { readonly report: LayersReport } | { readonly error: string };
