// ModelInferRequest as the rest of the server wants it: one kind of input, its count, the outputs asked for.
import type { ModelInferRequest__Output } from '../../../protos/index.js';
import { quote, StatusError } from '../errors.js';
import { requestId } from './ids.js';
import { type InputName, inputsOf, type ModelSpec, showShape, type TensorSpec } from './model.js';
import { parseOutputs, type RequestedOutput, refuseSharedMemory } from './outputs.js';
import {
  hasContents,
  type InputTensor,
  invalid,
  readBytes,
  readFloats,
  readStrings,
  type TensorSource,
} from './tensor.js';

export type InferInput =
  /** Encoded images; views into the message. */
  | { readonly kind: 'image'; readonly images: readonly Uint8Array[] }
  /** [N, size, size, 3]; raw ones are a view into the message */
  | { readonly kind: 'pixels'; readonly data: Uint8Array<ArrayBuffer> }
  /** [N, 3, size, size] */
  | { readonly kind: 'input'; readonly data: Float32Array<ArrayBuffer> }
  /** [N, D] */
  | { readonly kind: 'embedding'; readonly data: Float32Array<ArrayBuffer> };

export interface InferRequest {
  readonly id: string;
  /** N */
  readonly count: number;
  readonly input: InferInput;
  readonly outputs: readonly RequestedOutput[];
  /** Whether the input came as raw bytes: the answer comes the same way. */
  readonly raw: boolean;
}

export interface RequestLimits {
  /** Largest N. */
  readonly maxImages: number;
}

/**
 * Checks and reads a request. Pure; floats are copies that the caller owns, raw bytes are views into the message.
 * @throws StatusError tensor_invalid or request_invalid, naming the tensor or field and what was expected.
 */
export function parseInferRequest(
  request: ModelInferRequest__Output,
  model: ModelSpec,
  limits: RequestLimits,
): InferRequest {
  const id = requestId(request.id);
  refuseSharedMemory('request', request.parameters);
  const outputs = parseOutputs(request.outputs, model);
  const { tensor, spec } = onlyInput(request.inputs, model);
  refuseSharedMemory(`tensor "${spec.name}"`, tensor.parameters);
  if (tensor.datatype !== spec.datatype) {
    throw invalid(spec.name, `expected datatype ${spec.datatype}, got ${quote(tensor.datatype)}`);
  }
  const count = checkShape(tensor, spec, limits.maxImages);
  const source: TensorSource = { tensor, raw: rawContents(request, tensor) };
  return { id, count, outputs, raw: source.raw !== undefined, input: readInput(source, spec, count) };
}

function onlyInput(
  inputs: readonly InputTensor[],
  model: ModelSpec,
): { tensor: InputTensor; spec: TensorSpec<InputName> } {
  const known = inputsOf(model);
  const choices = known.map(({ name }) => name).join(', ');
  for (const { name } of inputs) {
    if (known.some((spec) => spec.name === name)) continue;
    const only = name === 'embedding' ? ' as input (only heads do)' : '';
    throw new StatusError(
      'tensor_invalid',
      `tensor ${quote(name)}: ${model.name} does not take it${only}; it takes one of ${choices}`,
    );
  }
  const [tensor, ...more] = inputs;
  if (tensor === undefined)
    throw new StatusError('tensor_invalid', `no input tensor: expected exactly one of ${choices}`);
  if (more.length > 0) {
    const names = inputs
      .slice(0, 10)
      .map(({ name }) => name)
      .join(', ');
    throw new StatusError(
      'tensor_invalid',
      `${inputs.length} input tensors (${names}): expected exactly one of ${choices}`,
    );
  }
  return { tensor, spec: known.find(({ name }) => name === tensor.name)! };
}

/** @returns N */
function checkShape(tensor: InputTensor, spec: TensorSpec<InputName>, maxImages: number): number {
  const { shape } = tensor;
  const alternative = spec.name === 'image' ? ' or [N,1]' : '';
  const mismatch = () => {
    const got = shape.length > 16 ? `${shape.length} dimensions` : showShape(shape).replace('N', '-1');
    return invalid(spec.name, `expected shape ${showShape(spec.shape)}${alternative}, got ${got}`);
  };
  const tail = spec.name === 'image' && shape.length === 2 ? [1] : spec.shape.slice(1);
  if (shape.length !== tail.length + 1 || tail.some((size, index) => shape[index + 1] !== size)) throw mismatch();
  const count = shape[0]!;
  if (!Number.isSafeInteger(count) || count < 1) throw mismatch();
  if (count > maxImages) {
    throw invalid(spec.name, `expected at most ${maxImages} images a request (server.queueLimit), got ${count}`);
  }
  return count;
}

function rawContents(request: ModelInferRequest__Output, tensor: InputTensor): Buffer | undefined {
  const raw = request.rawInputContents;
  if (raw.length === 0) return undefined;
  if (hasContents(tensor.contents)) {
    throw invalid(tensor.name, 'both contents and raw_input_contents are given; expected one of them');
  }
  if (raw.length !== 1) {
    throw invalid(tensor.name, `expected one entry in raw_input_contents for the one input, got ${raw.length}`);
  }
  return raw[0];
}

function readInput(source: TensorSource, spec: TensorSpec<InputName>, count: number): InferInput {
  const elements = spec.shape.slice(1).reduce((product, size) => product * size, count);
  switch (spec.name) {
    case 'image':
      return { kind: 'image', images: readStrings(source, count) };
    case 'pixels':
      return { kind: 'pixels', data: readBytes(source, elements) };
    case 'input':
      return { kind: 'input', data: readFloats(source, elements) };
    case 'embedding':
      return { kind: 'embedding', data: readFloats(source, elements) };
  }
}
