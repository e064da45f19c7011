// A model's configuration in Triton's words: what is true of it here, nothing else. Pure.
import { basename } from 'node:path';
import type { ModelConfig } from '../../../protos/index.js';
import type { Backbone } from '../../engine/index.js';
import { type Datatype, inputsOf, type ModelSpec, outputsOf } from '../codec/model.js';

export interface ConfigFacts {
  readonly spec: ModelSpec;
  readonly backbone: Backbone;
  /** The ONNX file that was loaded. */
  readonly model: string;
  /** Images that go through the backbone together, at most. */
  readonly batchSize: number;
  /** How long an idle backbone waits for a batch to fill. */
  readonly waitMs: number;
  /** Images that the queue holds, which is what one request may carry. */
  readonly queueLimit: number;
  /** Images that one request can have. */
  readonly largestRequest: number;
}

type DataType = 'TYPE_STRING' | 'TYPE_UINT8' | 'TYPE_FP32';
const DATA_TYPES: Readonly<Record<Datatype, DataType>> = {
  BYTES: 'TYPE_STRING',
  UINT8: 'TYPE_UINT8',
  FP32: 'TYPE_FP32',
};
const FORMATS = {
  pixels: 'FORMAT_NHWC',
  input: 'FORMAT_NCHW',
  image: 'FORMAT_NONE',
  embedding: 'FORMAT_NONE',
} as const;

export function modelConfig(facts: ConfigFacts): ModelConfig {
  const { spec, backbone, batchSize, queueLimit } = facts;
  const isBackbone = spec.kind === 'backbone';
  return {
    name: spec.name,
    platform: 'headwater',
    backend: isBackbone ? backbone.info.engine : 'headwater',
    // Of a head every version that is kept can be asked for.
    versionPolicy: isBackbone ? { latest: { numVersions: 1 } } : { all: {} },
    // Of one request. The engine's own batches are below, as what it prefers.
    maxBatchSize: facts.largestRequest,
    input: inputsOf(spec).map(({ name, datatype, shape }) => ({
      ...{ name, dataType: DATA_TYPES[datatype], format: FORMATS[name], optional: true },
      // Triton wants a dimension beside the batch's; [N,1] is taken as well as [N].
      dims: shape.length > 1 ? shape.slice(1) : [1],
    })),
    output: outputsOf(spec).map(({ name, datatype, shape }) => ({
      ...{ name, dataType: DATA_TYPES[datatype], dims: shape.slice(1) },
    })),
    dynamicBatching: {
      preferredBatchSize: [batchSize],
      maxQueueDelayMicroseconds: Math.round(facts.waitMs * 1000),
      // A request is refused, not run late; its deadline is its own.
      defaultQueuePolicy: { timeoutAction: 'REJECT', allowTimeoutOverride: true, maxQueueSize: queueLimit },
    },
    schedulingChoice: 'dynamicBatching',
    instanceGroup: [{ name: `${backbone.name}_0`, kind: 'KIND_CPU', count: 1 }],
    defaultModelFilename: basename(facts.model),
    parameters: parametersOf(backbone),
    modelTransactionPolicy: { decoupled: false },
  };
}

/** What Triton has no fields for. */
function parametersOf({ name, identity, dimensions, image, info }: Backbone): Record<string, { stringValue: string }> {
  const facts = {
    backbone: name,
    identity,
    embedding_size: String(dimensions),
    engine: info.engine,
    isa: info.isa,
    threads: String(info.threads),
    sparsity: info.sparsity.toFixed(3),
    output: info.output,
    image: JSON.stringify(image),
  };
  return Object.fromEntries(Object.entries(facts).map(([key, stringValue]) => [key, { stringValue }]));
}
