import { createHash } from 'node:crypto';
import { readExternalData } from './external-data.js';
import { readModelFile } from './model-file.js';
import { embedExternalData, findExternalData } from './onnx/external.js';
import type { GraphIndex } from './onnx/graph.js';
import { indexGraph } from './onnx/graph.js';
import type { OnnxModel } from './onnx/model.js';
import type { OutputChoice } from './onnx/output.js';
import { chooseOutput } from './onnx/output.js';
import { readOnnx } from './onnx/read.js';

/** A model with all values that its embedding needs, wherever they lay. */
export interface OpenedModel {
  /** The bytes that `model` was read from: those of the file, or with values from other files in their places. */
  readonly bytes: Uint8Array;
  readonly model: OnnxModel;
  readonly index: GraphIndex;
  readonly output: OutputChoice;
  /** What the identity covers. */
  readonly source: ModelSource;
}

export interface ModelSource {
  /** The file, unchanged. */
  readonly bytes: Uint8Array;
  /** sha256 (hex) of the values that came from other files; undefined when none did. */
  readonly externalData: string | undefined;
}

/**
 * Reads a model file, and of other files beside it the values that the embedding needs.
 *
 * @param requested as BackboneOptions.output
 * @param remedy what to do when there is no such file
 * @throws EngineError when a file is missing or damaged, or `requested` is not in the model
 */
export async function openModel(file: string, requested: string | undefined, remedy: string): Promise<OpenedModel> {
  const bytes = await readModelFile(file, remedy);
  const opened = openBytes(bytes, requested, file);
  const { index, output } = opened;
  const external = findExternalData(bytes, index, output.tensor, file);
  if (external.length === 0) return opened;
  const values = await readExternalData(file, bytes.length, external);
  const whole = embedExternalData(bytes, index, output.tensor, file, values);
  return { ...openBytes(whole, requested, file), source: { bytes, externalData: digestOf(values) } };
}

/** As `openModel`, for bytes that were read already: values in other files stay unread. The file is only named in messages. */
export function openBytes(bytes: Uint8Array, requested: string | undefined, file: string): OpenedModel {
  const model = readOnnx(bytes, file);
  const index = indexGraph(model.graph);
  const output = chooseOutput(index, requested, file);
  return { bytes, model, index, output, source: { bytes, externalData: undefined } };
}

/** Their lengths follow from the shapes in the model, so the values need no separators. */
function digestOf(values: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const value of values) hash.update(value);
  return hash.digest('hex');
}
