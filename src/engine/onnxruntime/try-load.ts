import type { Backbone } from '../backbone.js';
import { EngineError } from '../backbone.js';
import { reasonOf } from '../text.js';

export type OnnxRuntimeLoad =
  | { readonly kind: 'loaded'; readonly backbone: Backbone }
  /** ONNX Runtime refuses the model, or fails on its first image: the sparse engine may run it all the same. */
  | { readonly kind: 'unavailable'; readonly reason: string };

/** As `load`, but that ONNX Runtime can't run the model is no error. @throws EngineError when the file or a setting is at fault */
export async function tryOnnxRuntime(load: () => Promise<Backbone>): Promise<OnnxRuntimeLoad> {
  try {
    return { kind: 'loaded', backbone: await load() };
  } catch (error) {
    if (error instanceof EngineError && (error.code === 'model_unsupported' || error.code === 'run_failed')) {
      return { kind: 'unavailable', reason: reasonOf(error) };
    }
    throw error;
  }
}
