import { loadNative } from '../native/index.js';
import type { Backbone, BackboneOptions, EngineLog } from './backbone.js';
import { chooseEngine } from './choose-engine.js';
import { loadOnnxRuntimeBackbone } from './onnxruntime/backend.js';
import { tryOnnxRuntime } from './onnxruntime/try-load.js';
import type { SparseLoad } from './sparse/backend.js';
import { loadSparseBackbone } from './sparse/backend.js';
import { runTrial } from './trial.js';

/** The engines; tests put in their own. */
export interface EngineParts {
  readonly loadSparse: (options: BackboneOptions, log: EngineLog) => Promise<SparseLoad>;
  readonly loadOnnxRuntime: (options: BackboneOptions, log: EngineLog) => Promise<Backbone>;
  readonly runTrial: typeof runTrial;
  /** Called once loading is over. */
  readonly trimMemory: () => void;
}

const realParts: EngineParts = {
  loadSparse: loadSparseBackbone,
  loadOnnxRuntime: loadOnnxRuntimeBackbone,
  runTrial,
  trimMemory() {
    const native = loadNative();
    if (native.kind === 'native') native.trimFreedMemory();
  },
};

/**
 * Loads a backbone with the engine that the options name. `sparse` and `auto` fall back to ONNX Runtime, with one warning, when the
 * sparse engine can't run the model or its addon is absent. `auto` loads both engines and times them against each other, which takes
 * about a second (see runTrial); the slower one is closed.
 *
 * @param log gets one line for each decision (output tensor, engine, batch)
 * @throws EngineError when the model or a setting can't be used
 */
export async function loadBackbone(
  options: BackboneOptions,
  log: EngineLog,
  parts: EngineParts = realParts,
): Promise<Backbone> {
  if (options.engine === 'onnxruntime') return parts.loadOnnxRuntime(options, log);
  const backbone = await loadChosen(options, eachLineOnce(log), parts);
  parts.trimMemory();
  return backbone;
}

async function loadChosen(options: BackboneOptions, log: EngineLog, parts: EngineParts): Promise<Backbone> {
  const sparse = await parts.loadSparse(options, log);
  if (sparse.kind === 'unavailable') {
    log(`backbone ${options.name}: ONNX Runtime runs it, not the sparse engine: ${sparse.reason}`, 'warn');
    return parts.loadOnnxRuntime(options, log);
  }
  if (options.engine === 'sparse') return sparse.backbone;
  return chooseByTrial(sparse.backbone, options, log, parts);
}

/** Takes the sparse backbone over: it is returned or closed. */
async function chooseByTrial(
  sparse: Backbone,
  options: BackboneOptions,
  log: EngineLog,
  parts: EngineParts,
): Promise<Backbone> {
  const loaded = await tryOnnxRuntime(() => parts.loadOnnxRuntime(options, log)).catch(async (error) => {
    await sparse.close();
    throw error;
  });
  if (loaded.kind === 'unavailable') {
    log(`backbone ${options.name}: the sparse engine runs it, since ONNX Runtime does not (${loaded.reason})`, 'warn');
    return sparse;
  }
  const onnxruntime = loaded.backbone;
  const both = { sparse, onnxruntime };
  try {
    const { engine, reason, warn } = chooseEngine(await parts.runTrial(sparse, onnxruntime));
    await both[engine === 'sparse' ? 'onnxruntime' : 'sparse'].close();
    const chosen = engine === 'sparse' ? 'the sparse engine' : 'ONNX Runtime';
    log(`backbone ${options.name}: engine auto takes ${chosen}: ${reason}`, warn ? 'warn' : 'info');
    return both[engine];
  } catch (error) {
    await Promise.allSettled([sparse.close(), onnxruntime.close()]);
    throw error;
  }
}

/** Both engines tell which tensor is the embedding. */
function eachLineOnce(log: EngineLog): EngineLog {
  const told = new Set<string>();
  return (message, level) => {
    if (told.has(message)) return;
    told.add(message);
    log(message, level);
  };
}
