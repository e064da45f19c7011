import type { BackboneOptions } from './backbone.js';
import { backboneIdentity } from './identity.js';
import { readModelFile } from './model-file.js';
import { indexGraph, requirementsOf } from './onnx/graph.js';
import type { OutputChoice } from './onnx/output.js';
import { chooseOutput } from './onnx/output.js';
import { readOnnx } from './onnx/read.js';
import { keepOutput } from './onnx/rewrite.js';
import type { ModelInput } from './settings.js';
import { checkInput, checkOptions } from './settings.js';
import { weightSparsity } from './sparsity.js';
import { quote } from './text.js';

/** A model file that has been read, checked and cut down to what the embedding needs: what every engine starts from. */
export interface PreparedModel {
  /** ONNX bytes with the embedding as the only output. */
  readonly bytes: Uint8Array<ArrayBuffer>;
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
  const bytes = await readModelFile(file, remedy);
  const whole = indexGraph(readOnnx(bytes, file).graph);
  const output = chooseOutput(whole, options.output, file);
  const kept = keepOutput(bytes, whole, output.tensor, file);
  const index = indexGraph(readOnnx(kept, file).graph);
  return {
    bytes: kept,
    input: checkInput(index, options.image.size, file),
    output,
    identity: backboneIdentity(bytes, output.tensor, options.image),
    sparsity: weightSparsity(index, requirementsOf(index, output.tensor).nodes),
  };
}
