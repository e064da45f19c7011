import type { EngineError, ImageSettings } from '../backbone.js';

// What the main thread and the worker thread say to each other. The worker answers `load` once and each `run` in order.

export interface LoadRequest {
  readonly kind: 'load';
  /** File name for messages. */
  readonly file: string;
  /** ONNX with one output; transferred. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly input: string;
  readonly output: string;
  /** Images that one run takes; undefined: any number. */
  readonly batch: number | undefined;
  readonly threads: number;
  readonly image: ImageSettings;
}

/** As `Images`, but pixels may lie in shared memory, which the sender leaves alone until the answer. Other buffers are transferred. */
export type RunItem =
  | { readonly kind: 'pixels'; readonly count: number; readonly data: Uint8Array }
  | { readonly kind: 'input'; readonly count: number; readonly data: Float32Array<ArrayBuffer> };

export interface RunRequest {
  readonly kind: 'run';
  readonly id: number;
  readonly items: readonly RunItem[];
}

/** After what was asked before: the worker frees the model and answers `closed`. */
export interface CloseRequest {
  readonly kind: 'close';
}

export type WorkerRequest = LoadRequest | RunRequest | CloseRequest;

export interface LoadedReply {
  readonly kind: 'loaded';
  readonly dimensions: number;
  /** As asked for, or 1 when the trial showed that the model does not take more. */
  readonly batch: number | undefined;
}

export interface LoadFailedReply {
  readonly kind: 'load_failed';
  readonly code: EngineError['code'];
  readonly message: string;
}

export interface EmbeddedReply {
  readonly kind: 'embedded';
  readonly id: number;
  /** [images, dimensions]; transferred. */
  readonly embeddings: Float32Array<ArrayBuffer>;
  readonly computeMs: number;
}

export interface RunFailedReply {
  readonly kind: 'run_failed';
  readonly id: number;
  readonly message: string;
}

export interface ClosedReply {
  readonly kind: 'closed';
}

export type WorkerReply = LoadedReply | LoadFailedReply | EmbeddedReply | RunFailedReply | ClosedReply;
