/** How a decoded photo becomes the network's input: `(value / scale - mean) / std`, channels in the order given. */
export interface ImageSettings {
  /** Height and width of the network's input, in pixels (centre crop). */
  readonly size: number;
  /** Length of the shorter side before the crop, in pixels. */
  readonly resize: number;
  readonly channels: 'rgb' | 'bgr';
  readonly scale: number;
  /** Per channel, in the order of `channels`. */
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

export interface BackboneOptions {
  readonly name: string;
  /** Path of the ONNX file. */
  readonly model: string;
  readonly engine: 'auto' | 'sparse' | 'onnxruntime';
  /** 0: all cores. */
  readonly threads: number;
  /** Tensor taken as the embedding; undefined: the first output, or the input of the last Gemm if that is class logits. */
  readonly output?: string | undefined;
  readonly image: ImageSettings;
  readonly isa: 'auto' | 'avx512' | 'avx2' | 'neon' | 'scalar';
  /** Aborted, it ends loading where that may take long: with EngineError closed. Nothing follows from it afterwards. */
  readonly signal?: AbortSignal | undefined;
}

/** What was chosen at load: for the log, `inspect` and `headwater_engine_info`. */
export interface BackboneInfo {
  readonly engine: 'onnxruntime' | 'sparse';
  readonly isa: string;
  readonly threads: number;
  /** Fraction of weights (of convolutions and matrix products) that are zero, 0 to 1. */
  readonly sparsity: number;
  /** Name of the tensor that is the embedding. */
  readonly output: string;
}

/**
 * `count` images that go through the backbone together. The caller gives the array away: nobody writes to it until the call has
 * ended, and nobody reads it afterwards, since a buffer that the array fills may be transferred to another thread. Of a view on
 * part of a larger buffer only that part is read, and the buffer stays with its owner.
 */
export type Images =
  /** RGB bytes [count, size, size, 3], whatever the backbone's channel order. */
  | { readonly kind: 'pixels'; readonly count: number; readonly data: Uint8Array<ArrayBuffer> }
  /** Normalised values [count, 3, size, size] in the backbone's channel order. */
  | { readonly kind: 'input'; readonly count: number; readonly data: Float32Array<ArrayBuffer> };

export interface EmbeddedBatch {
  /** [sum of counts, dimensions], in the order of the images given. */
  readonly embeddings: Float32Array<ArrayBuffer>;
  /** Milliseconds that the engine computed (normalisation included). */
  readonly computeMs: number;
}

/**
 * A frozen network that turns images into embeddings. Calls may overlap: they run one after the other, off the event loop.
 */
export interface Backbone {
  readonly name: string;
  /** sha256 (hex) of model bytes, output name and image settings: which engine runs is not part of it. */
  readonly identity: string;
  /** D, the length of an embedding. */
  readonly dimensions: number;
  readonly image: ImageSettings;
  readonly info: BackboneInfo;
  /** @throws EngineError when the model fails on this input, or the backbone is closed. */
  embed(images: readonly Images[]): Promise<EmbeddedBatch>;
  /** Lets running calls end, then frees the model. */
  close(): Promise<void>;
}

/** Takes one line for each decision; a warning where something was asked for that could not be done. */
export type EngineLog = (message: string, level?: 'info' | 'warn') => void;

/** A model or a setting that can't be used: the message names the file or node, and says what to do. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  constructor(
    readonly code:
      | 'model_unreadable'
      | 'model_unsupported'
      | 'output_unknown'
      | 'settings_invalid'
      | 'run_failed'
      | 'closed',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
