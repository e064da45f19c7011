// One request, start to end: decode -> admission -> batch -> backbone -> head -> record -> answer.
import type { ModelInferRequest__Output, ModelInferResponse } from '../../../protos/index.js';
import type { Images } from '../../engine/index.js';
import { type Learning, MAX_ID_BYTES, type ServingHead } from '../../learner/index.js';
import type { Embedded } from '../batching/batcher.js';
import { imageId } from '../codec/ids.js';
import { type InferRequest, parseInferRequest } from '../codec/request.js';
import { buildInferResponse, type InferAnswer, type StageTimings } from '../codec/response.js';
import { StatusError } from '../errors.js';
import type { DecodeImages } from '../images/decode.js';
import type { CallContext } from './call-context.js';
import { type Classify, evaluateHead, type HeadAnswers } from './evaluate.js';
import { BACKBONE_VERSION, type Models, type ModelTarget } from './models.js';

export interface InferDependencies {
  readonly models: Models;
  readonly learning: Pick<Learning, 'recordServed'>;
  readonly decode: DecodeImages;
  readonly classify: Classify;
}

export interface Inferred {
  readonly response: ModelInferResponse;
  readonly timings: StageTimings;
}

type EmbeddedRequest = Embedded & { readonly decodeMs: number; readonly head: ServingHead | undefined };

/** @throws StatusError, LearnerError or EngineError for everything that the error table has. */
export async function infer(
  request: ModelInferRequest__Output,
  context: CallContext,
  dependencies: InferDependencies,
): Promise<Inferred> {
  const { models, learning, classify } = dependencies;
  const target = await models.resolve(request.modelName, request.modelVersion);
  const parsed = parseInferRequest(request, target.spec, { maxImages: target.batcher.limit });
  const { embeddings, head, decodeMs, queueMs, computeMs } = await embed(parsed, target, context, dependencies);

  const headStart = performance.now();
  const answers = await evaluateHead(head?.model ?? null, embeddings, parsed.count, classify);
  const timings = { decodeMs, queueMs, computeMs: computeMs + performance.now() - headStart };

  // An answer that nobody gets is not recorded: its label must not count as one for what was served.
  if (context.signal.aborted) throw new StatusError('cancelled', 'the caller gave up before the answer was there');
  const recorded = head === undefined ? undefined : await record(learning, head, parsed, answers, embeddings);
  const answer: InferAnswer = {
    model: target.spec.name,
    version: head === undefined ? BACKBONE_VERSION : String(head.version),
    id: parsed.id,
    count: parsed.count,
    ...answers,
    embeddings,
    dimensions: target.spec.dimensions,
    timings,
    recorded,
  };
  return { response: buildInferResponse(answer, parsed.outputs, parsed.raw), timings };
}

async function embed(
  { input, count }: InferRequest,
  target: ModelTarget,
  context: CallContext,
  { decode }: InferDependencies,
): Promise<EmbeddedRequest> {
  const capture = target.kind === 'head' ? target.capture : () => undefined;
  if (input.kind === 'embedding') {
    return { embeddings: input.data, head: capture(), decodeMs: 0, queueMs: 0, computeMs: 0 };
  }
  // A place in the queue first: nothing is decoded for a request that will be refused.
  const permit = target.batcher.admit({
    images: count,
    bytes: heldBytes(input),
    client: context.caller.client,
    priority: 'inference',
    deadlineMs: context.deadlineMs,
    signal: context.signal,
  });
  try {
    const decodeStart = performance.now();
    const images: Images =
      input.kind === 'image'
        ? { kind: 'pixels', count, data: await decode(input.images, target.batcher.backbone.image, context.signal) }
        : { ...input, count };
    const decodeMs = input.kind === 'image' ? performance.now() - decodeStart : 0;
    let head: ServingHead | undefined;
    const onStart = () => {
      head = capture();
    };
    const embedded = await permit.submit(images, { onStart });
    return { ...embedded, decodeMs, head };
  } finally {
    permit.release();
  }
}

async function record(
  learning: Pick<Learning, 'recordServed'>,
  head: ServingHead,
  { id, count }: InferRequest,
  { labels }: HeadAnswers,
  embeddings: Float32Array,
): Promise<boolean> {
  // Labels name these; an id that is longer with its index than a label's may be can't join.
  if (Buffer.byteLength(imageId(id, count - 1, count)) > MAX_ID_BYTES) return false;
  const { dimensions } = head.definition;
  const items = labels.map((predicted, index) => ({
    id: imageId(id, index, count),
    predicted,
    embedding: embeddings.subarray(index * dimensions, (index + 1) * dimensions),
  }));
  return learning.recordServed(head, items);
}

/** What a request's images take while it waits. */
function heldBytes(input: InferRequest['input']): number {
  if (input.kind === 'image') return input.images.reduce((sum, image) => sum + image.byteLength, 0);
  return input.data.byteLength;
}
