import type { BackboneOptions } from './backbone.js';
import { backboneIdentity } from './identity.js';
import type { GraphIndex } from './onnx/graph.js';
import { indexGraph, requirementsOf } from './onnx/graph.js';
import type { OnnxModel } from './onnx/model.js';
import type { OutputChoice } from './onnx/output.js';
import { readOnnx } from './onnx/read.js';
import { keepOutput } from './onnx/rewrite.js';
import { openModel } from './open-model.js';
import { releaseMemory } from './release-memory.js';
import type { ModelInput } from './settings.js';
import { checkInput, checkOptions } from './settings.js';
import { weightSparsity } from './sparsity.js';
import { quote } from './text.js';

/** A model file that has been read, checked and cut down to what the embedding needs: what every engine starts from. */
export interface PreparedModel {
  /** ONNX bytes with the embedding as the only output, and all weights inside. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** These bytes, read: its weights are views of them. */
  readonly onnx: OnnxModel;
  readonly index: GraphIndex;
  readonly input: ModelInput;
  readonly output: OutputChoice;
  readonly identity: string;
  /** Of the weights that are left. */
  readonly sparsity: number;
}

/** @throws EngineError when the file is missing, is no ONNX model, or does not go with the settings. */
export async function prepareModel(options: BackboneOptions): Promise<PreparedModel> {
  checkOptions(options);
  const file = options.model;
  const remedy = `set backbones[].model of ${quote(options.name)} to the path of an .onnx file`;
  const { bytes, index: whole, output, source } = await openModel(file, options.output, remedy);
  const kept = keepOutput(bytes, whole, output.tensor, file);
  const onnx = readOnnx(kept, file);
  const index = indexGraph(onnx.graph);
  const identity = backboneIdentity(source, output.tensor, options.image);
  // Copied or hashed by now: a hundred megabytes that nobody reads again.
  releaseMemory(bytes);
  releaseMemory(source.bytes);
  return {
    bytes: kept,
    onnx,
    index,
    input: checkInput(index, options.image.size, file),
    output,
    identity,
    sparsity: weightSparsity(index, requirementsOf(index, output.tensor).nodes),
  };
}
