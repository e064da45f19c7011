// ModelInferRequest as the rest of the server wants it: one kind of input, its count, the outputs asked for.
import type { ModelInferRequest__Output } from '../../../protos/index.js';
import { quote, StatusError } from '../errors.js';
import { ACCEPTED, type InputDatatype } from './datatypes.js';
import type { FloatDatatype } from './floats.js';
import { requestId } from './ids.js';
import { type InputName, inputsOf, type ModelSpec, showShape, type TensorSpec } from './model.js';
import { parseOutputs, type RequestedOutput } from './outputs.js';
import { refuseSharedMemory } from './parameters.js';
import {
  hasContents,
  type InputTensor,
  type IntegerDatatype,
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
 * @param heads those that the parameter `heads` asks for, of one backbone; undefined: the model itself answers.
 * @throws StatusError tensor_invalid or request_invalid, naming the tensor or field and what was expected.
 */
export function parseInferRequest(
  request: ModelInferRequest__Output,
  model: ModelSpec,
  limits: RequestLimits,
  heads?: readonly string[],
): InferRequest {
  const id = requestId(request.id);
  refuseSharedMemory('request', request.parameters);
  const outputs = parseOutputs(request.outputs, model, heads);
  const { tensor, spec } = onlyInput(request.inputs, model);
  refuseSharedMemory(`tensor "${spec.name}"`, tensor.parameters);
  const datatype = checkDatatype(tensor, spec);
  const count = checkShape(tensor, spec, limits.maxImages);
  const source: TensorSource = { tensor, raw: rawContents(request, tensor) };
  return { id, count, outputs, raw: source.raw !== undefined, input: readInput(source, spec, datatype, count) };
}

function checkDatatype(tensor: InputTensor, spec: TensorSpec<InputName>): InputDatatype {
  const accepted = ACCEPTED[spec.name];
  const datatype = accepted.find((known) => known === tensor.datatype);
  if (datatype !== undefined) return datatype;
  const others = accepted.slice(1).join(', ');
  throw invalid(spec.name, `expected datatype ${spec.datatype} (or ${others}), got ${quote(tensor.datatype)}`);
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
  const count = spec.name === 'image' ? imageCount(tensor) : tensorCount(shape, spec.shape);
  if (count === undefined) {
    const got = shape.length > 16 ? `${shape.length} dimensions` : showShape(shape).replace('N', '-1');
    throw invalid(spec.name, `expected shape ${expectedShape(tensor, spec)}, got ${got}`);
  }
  if (count > maxImages) {
    throw invalid(spec.name, `expected at most ${maxImages} images a request (server.queueLimit), got ${count}`);
  }
  return count;
}

const isSize = (size: number) => Number.isSafeInteger(size) && size >= 1;

function tensorCount(shape: readonly number[], expected: readonly number[]): number | undefined {
  if (shape.length !== expected.length || !isSize(shape[0]!)) return undefined;
  for (let index = 1; index < expected.length; index++) if (shape[index] !== expected[index]) return undefined;
  return shape[0];
}

/** BYTES are one element an image; numbers are the bytes of one image, or of several of the same length. */
function imageCount({ shape, datatype }: InputTensor): number | undefined {
  if (shape.length < 1 || shape.length > 2 || !shape.every(isSize)) return undefined;
  if (datatype !== 'BYTES') return shape.length === 1 ? 1 : shape[0];
  return shape.length === 1 || shape[1] === 1 ? shape[0] : undefined;
}

function expectedShape(tensor: InputTensor, spec: TensorSpec<InputName>): string {
  if (spec.name !== 'image') return showShape(spec.shape);
  return tensor.datatype === 'BYTES' ? '[N] or [N,1]' : '[bytes] or [N,bytes]';
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

function readInput(
  source: TensorSource,
  spec: TensorSpec<InputName>,
  datatype: InputDatatype,
  count: number,
): InferInput {
  switch (spec.name) {
    case 'image':
      return { kind: 'image', images: datatype === 'BYTES' ? readStrings(source, count) : readFiles(source, count) };
    case 'pixels':
      return { kind: 'pixels', data: readBytes(source, datatype as IntegerDatatype, elementsOf(spec, count)) };
    case 'input':
      return { kind: 'input', data: readFloats(source, datatype as FloatDatatype, elementsOf(spec, count)) };
    case 'embedding':
      return { kind: 'embedding', data: readFloats(source, datatype as FloatDatatype, elementsOf(spec, count)) };
  }
}

const elementsOf = (spec: TensorSpec<InputName>, count: number) =>
  spec.shape.slice(1).reduce((product, size) => product * size, count);

/** Files given as UINT8: shorter ones of several are filled up with zeros, which decoders pass over. */
function readFiles(source: TensorSource, count: number): Uint8Array[] {
  const length = source.tensor.shape.at(-1)!;
  const bytes = readBytes(source, 'UINT8', count * length);
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * length, (index + 1) * length));
}
