// Requests and answers of ModelInfer as users see them. Pure.
import type { ModelInferRequest, ModelInferResponse__Output } from '../../protos/index.js';
import { decodeBytes } from './bytes.js';
import { inputTensor, type PredictInput } from './input.js';

export interface ScoredClass {
  readonly name: string;
  readonly probability: number;
}

/** What a head says of one image. */
export interface ImageAnswer {
  /** What a label names this image by: the request's id, or `id/0`, `id/1`, ... where there are several images. */
  readonly id: string;
  /** The most probable class; empty while the head has learned nothing. */
  readonly label: string;
  /** In class order (see `heads.get`); empty when only the best were asked for, or the head has learned nothing. */
  readonly probabilities: Float32Array;
  /** The best classes first; only when they were asked for. */
  readonly top: readonly ScoredClass[];
}

/** What one head answered. */
export interface Prediction {
  readonly id: string;
  readonly head: string;
  /** The version of the head that answered all images; 0: it has learned nothing yet. */
  readonly version: number;
  /** Whether a label for these ids can join. */
  readonly recorded: boolean;
  /** Of the first image. */
  readonly label: string;
  readonly top: readonly ScoredClass[];
  readonly images: readonly ImageAnswer[];
  readonly timings: Timings;
}

/** Milliseconds that the request spent in each stage of the server. */
export interface Timings {
  readonly decodeMs: number;
  readonly queueMs: number;
  readonly computeMs: number;
}

/** A request to classify: of one head, or of several heads of one backbone. */
export interface InferParts {
  readonly heads: readonly [string, ...string[]];
  readonly id: string;
  readonly input: PredictInput;
  /** So many best classes instead of all probabilities; 0: neither; undefined: all probabilities. */
  readonly top?: number | undefined;
  /** Of the first head; undefined: the one being served. */
  readonly version?: number | undefined;
}

/** @throws TypeError when a shape does not fit its data. */
export function inferRequest({ heads, id, input, top, version }: InferParts): ModelInferRequest {
  const { raw, ...tensor } = inputTensor(input);
  const [first] = heads;
  const prefixes = heads.length === 1 ? [''] : heads.map((head) => `${head}.`);
  return {
    modelName: first,
    modelVersion: version === undefined ? '' : String(version),
    id,
    ...(heads.length > 1 && { parameters: { heads: { stringParam: heads.join(',') } } }),
    inputs: [tensor],
    outputs: prefixes.flatMap((prefix) => [{ name: `${prefix}label` }, ...probabilitiesOutput(prefix, top)]),
    rawInputContents: [raw],
  };
}

function probabilitiesOutput(prefix: string, top: number | undefined) {
  if (top === 0) return [];
  const name = `${prefix}probabilities`;
  return [top === undefined ? { name } : { name, parameters: { classification: { int64Param: top } } }];
}

/** A request for the embeddings themselves, of a backbone or of the backbone of a head. */
export function embedRequest(model: string, id: string, input: PredictInput): ModelInferRequest {
  const { raw, ...tensor } = inputTensor(input);
  return { modelName: model, id, inputs: [tensor], outputs: [{ name: 'embedding' }], rawInputContents: [raw] };
}

/** Reads the answer to an `inferRequest` for one head. */
export function readPrediction(response: ModelInferResponse__Output): Prediction {
  return readHead(response, response.modelName, '', response.modelVersion);
}

/** Reads the answer to an `inferRequest` for several heads: what each said. */
export function readPredictions(
  response: ModelInferResponse__Output,
  heads: readonly string[],
): ReadonlyMap<string, Prediction> {
  if (heads.length === 1) return new Map(heads.map((head) => [head, readPrediction(response)]));
  const versionOf = (head: string) => response.parameters[`${head}.version`]?.stringParam ?? '';
  return new Map(heads.map((head) => [head, readHead(response, head, `${head}.`, versionOf(head))]));
}

/** Reads the answer to an `embedRequest`: a row an image. */
export function readEmbeddings(response: ModelInferResponse__Output): Float32Array[] {
  return rows(floats(response, 'embedding'), shapeOf(response, 'embedding')?.[0] ?? 0);
}

function readHead(response: ModelInferResponse__Output, head: string, prefix: string, version: string): Prediction {
  const { id, parameters } = response;
  const labels = texts(response, `${prefix}label`) ?? [];
  const probabilities = rows(floats(response, `${prefix}probabilities`), labels.length);
  const best = texts(response, `${prefix}probabilities`) ?? [];
  const bestEach = best.length / Math.max(1, labels.length);
  const images = labels.map((label, index) => ({
    id: labels.length === 1 ? id : `${id}/${index}`,
    label,
    probabilities: probabilities[index] ?? new Float32Array(0),
    top: best.slice(index * bestEach, (index + 1) * bestEach).map(readScored),
  }));
  const milliseconds = (name: string) => Number(parameters[name]?.stringParam ?? Number.NaN);
  return {
    ...{ id, head, version: Number(version), label: labels[0] ?? '', top: images[0]?.top ?? [], images },
    recorded: parameters[`${prefix}recorded`]?.boolParam === true,
    timings: {
      decodeMs: milliseconds('decode_ms'),
      queueMs: milliseconds('queue_ms'),
      computeMs: milliseconds('compute_ms'),
    },
  };
}

/** Elements of a BYTES output, from raw or typed contents; undefined when there is no such output. */
function texts(response: ModelInferResponse__Output, name: string): string[] | undefined {
  const index = response.outputs.findIndex((output) => output.name === name);
  const output = response.outputs[index];
  if (output === undefined || output.datatype !== 'BYTES') return undefined;
  const raw = response.rawOutputContents[index];
  const elements = raw === undefined ? (output.contents?.bytesContents ?? []) : decodeBytes(raw);
  return elements.map((element) => Buffer.from(element).toString('utf8'));
}

/** Elements of an FP32 output; none when there is no such output. */
function floats(response: ModelInferResponse__Output, name: string): Float32Array {
  const index = response.outputs.findIndex((output) => output.name === name);
  const output = response.outputs[index];
  if (output === undefined || output.datatype !== 'FP32') return new Float32Array(0);
  const raw = response.rawOutputContents[index];
  if (raw === undefined) return Float32Array.from(output.contents?.fp32Contents ?? []);
  // A copy: the bytes need not begin where a float may.
  return new Float32Array(Uint8Array.from(raw).buffer);
}

function shapeOf(response: ModelInferResponse__Output, name: string): readonly number[] | undefined {
  return response.outputs.find((output) => output.name === name)?.shape;
}

function rows(values: Float32Array, count: number): Float32Array[] {
  const each = count === 0 ? 0 : values.length / count;
  return Array.from({ length: count }, (_, index) => values.slice(index * each, (index + 1) * each));
}

/** `value:index:name`; the name may hold colons itself. */
function readScored(text: string): ScoredClass {
  const first = text.indexOf(':');
  const second = text.indexOf(':', first + 1);
  return { probability: Number(text.slice(0, first)), name: text.slice(second + 1) };
}
