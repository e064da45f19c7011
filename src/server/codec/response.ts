// Answers as ModelInferResponse. Pure.
import type { InferParameter, ModelInferResponse } from '../../../protos/index.js';
import { bestClasses } from './classification.js';
import type { Datatype } from './model.js';
import type { RequestedOutput } from './outputs.js';

/** What was computed for a request of N images. */
export interface InferAnswer {
  /** As the request names it. */
  readonly model: string;
  readonly version: string;
  readonly id: string;
  readonly count: number;
  /** The head asked for, or those of the parameter `heads`; none: a backbone by itself. */
  readonly heads: readonly HeadAnswer[];
  /** Whether the heads were asked for by the parameter: each one's version is told then. */
  readonly several: boolean;
  /** [N, D] */
  readonly embeddings: Float32Array;
  readonly dimensions: number;
  readonly timings: StageTimings;
}

/** What one head says of N images. */
export interface HeadAnswer {
  readonly name: string;
  readonly version: number;
  /** In class order; empty when the head has learned nothing. */
  readonly classes: readonly string[];
  /** N names; empty names when the head has learned nothing. */
  readonly labels: readonly string[];
  /** [N, classes] */
  readonly probabilities: Float32Array;
  /** Whether a label for these ids can join. */
  readonly recorded: boolean;
}

/** Milliseconds a request spent in each stage. */
export interface StageTimings {
  readonly decodeMs: number;
  readonly queueMs: number;
  readonly computeMs: number;
}

interface Tensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: number[];
  readonly values: Float32Array | readonly string[];
}

/**
 * The answer with the outputs asked for. Raw requests are answered raw (as Triton and OpenVINO Model Server always do),
 * typed ones typed (as KServe's own servers do): a client reads what it writes.
 */
export function buildInferResponse(
  answer: InferAnswer,
  outputs: readonly RequestedOutput[],
  raw: boolean,
): ModelInferResponse {
  const tensors = outputs.map((output) => buildTensor(answer, output));
  return {
    modelName: answer.model,
    modelVersion: answer.version,
    id: answer.id,
    parameters: buildParameters(answer),
    outputs: tensors.map(({ name, datatype, shape, values }) => {
      const contents = raw ? {} : { contents: typedContents(values) };
      return { name, datatype, shape, ...contents };
    }),
    rawOutputContents: raw ? tensors.map(({ values }) => rawContents(values)) : [],
  };
}

/** An answer on a stream: Triton's clients look for this parameter to know a request's last answer. Each has one here. */
export function asStreamAnswer(response: ModelInferResponse): ModelInferResponse {
  return { ...response, parameters: { ...response.parameters, triton_final_response: { boolParam: true } } };
}

/**
 * Numbers travel as strings: the protos of KServe and of older tritonclients know only bool, int64 and string
 * parameters, and drop a double.
 */
function buildParameters(answer: InferAnswer): Record<string, InferParameter> {
  const { decodeMs, queueMs, computeMs } = answer.timings;
  const parameters: Record<string, InferParameter> = {
    decode_ms: { stringParam: decodeMs.toFixed(3) },
    queue_ms: { stringParam: queueMs.toFixed(3) },
    compute_ms: { stringParam: computeMs.toFixed(3) },
  };
  const { heads } = answer;
  if (heads.length > 0) parameters.recorded = { boolParam: heads.every(({ recorded }) => recorded) };
  if (answer.several) {
    for (const { name, version, recorded } of heads) {
      parameters[`${name}.version`] = { stringParam: String(version) };
      parameters[`${name}.recorded`] = { boolParam: recorded };
    }
  }
  return parameters;
}

function buildTensor(answer: InferAnswer, output: RequestedOutput): Tensor {
  const { name } = output;
  const { count, dimensions } = answer;
  if (output.tensor === 'embedding') {
    return { name, datatype: 'FP32', shape: [count, dimensions], values: answer.embeddings };
  }
  const { classes, labels, probabilities } = answer.heads[output.head]!;
  if (output.tensor === 'label') return { name, datatype: 'BYTES', shape: [count], values: labels };
  if (output.classification === 0) {
    return { name, datatype: 'FP32', shape: [count, classes.length], values: probabilities };
  }
  const k = Math.min(output.classification, classes.length);
  const best: string[] = [];
  for (let index = 0; index < count; index++) {
    const row = probabilities.subarray(index * classes.length, (index + 1) * classes.length);
    best.push(...bestClasses(row, classes, k));
  }
  return { name, datatype: 'BYTES', shape: [count, k], values: best };
}

function typedContents(values: Tensor['values']) {
  if (values instanceof Float32Array) return { fp32Contents: Array.from(values) };
  return { bytesContents: values.map((value) => Buffer.from(value)) };
}

function rawContents(values: Tensor['values']): Buffer {
  if (values instanceof Float32Array) return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  const parts: Buffer[] = [];
  for (const value of values) {
    const bytes = Buffer.from(value);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    parts.push(length, bytes);
  }
  return Buffer.concat(parts);
}
