import type { Backbone, BackboneOptions, EngineLog } from './backbone.js';
import { EngineError } from './backbone.js';
import { loadOnnxRuntimeBackbone } from './onnxruntime/backend.js';

export type {
  Backbone,
  BackboneInfo,
  BackboneOptions,
  EmbeddedBatch,
  EngineLog,
  ImageSettings,
  Images,
} from './backbone.js';
export { EngineError } from './backbone.js';
export type { GraphReport, InspectOptions, ModelReport } from './inspect.js';
export { inspectModel } from './inspect.js';

/**
 * Loads a backbone with the engine that the options name; `auto` takes ONNX Runtime.
 *
 * @param log gets one line for each decision (output tensor, engine, batch)
 * @throws EngineError when the model or a setting can't be used
 */
export async function loadBackbone(options: BackboneOptions, log: EngineLog): Promise<Backbone> {
  switch (options.engine) {
    case 'sparse':
      throw new EngineError(
        'model_unsupported',
        `backbone ${options.name}: the sparse engine is not part of this version; use engine: onnxruntime or auto`,
      );
    case 'auto':
    case 'onnxruntime':
      return loadOnnxRuntimeBackbone(options, log);
  }
}
