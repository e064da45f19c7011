// One request, start to end: decode -> admission -> batch -> backbone -> heads -> record -> answer.
import type { ModelInferRequest__Output, ModelInferResponse } from '../../../protos/index.js';
import type { Images } from '../../engine/index.js';
import { type Learning, MAX_ID_BYTES, type ServingHead } from '../../learner/index.js';
import type { Embedded } from '../batching/batcher.js';
import { imageId } from '../codec/ids.js';
import { timeoutMs } from '../codec/parameters.js';
import { type InferRequest, parseInferRequest } from '../codec/request.js';
import { buildInferResponse, type HeadAnswer, type InferAnswer, type StageTimings } from '../codec/response.js';
import { StatusError } from '../errors.js';
import type { DecodeImages } from '../images/decode.js';
import { type Addressed, addressed } from './addressed.js';
import type { CallContext } from './call-context.js';
import { refuseLargeAnswer } from './evaluate.js';
import type { Evaluator, Wanted } from './evaluator.js';
import { BACKBONE_VERSION, type Models } from './models.js';

export interface InferDependencies {
  readonly models: Models;
  readonly learning: Pick<Learning, 'recordServed'>;
  readonly decode: DecodeImages;
  readonly evaluator: Evaluator;
}

export interface Inferred {
  readonly response: ModelInferResponse;
  readonly timings: StageTimings;
}

/** One snapshot a head, captured when the batch started. */
type EmbeddedRequest = Embedded & { readonly decodeMs: number; readonly heads: readonly ServingHead[] };

/** @throws StatusError, LearnerError or EngineError for everything that the error table has. */
export async function infer(
  request: ModelInferRequest__Output,
  context: CallContext,
  dependencies: InferDependencies,
): Promise<Inferred> {
  const deadlineMs = Math.min(context.deadlineMs, Date.now() + timeoutMs(request.parameters));
  const asked = await addressed(request, dependencies.models, context.caller);
  const parsed = parseInferRequest(request, asked.spec, { maxImages: asked.batcher.limit }, asked.names);
  const wanted = { client: context.caller.client, signal: context.signal, deadlineMs };
  // No backbone's queue bounds embeddings that come ready: a place among the evaluations does.
  const given = parsed.input.kind === 'embedding';
  const release = given ? dependencies.evaluator.admit(parsed.count, heldBytes(parsed.input), wanted) : () => {};
  let embedded: EmbeddedRequest;
  let evaluated: Omit<HeadAnswer, 'recorded'>[];
  let headStart = performance.now();
  try {
    embedded = await embed(parsed, asked, { ...context, deadlineMs }, dependencies);
    headStart = performance.now();
    // The parameter `timeout` bounds the wait until a request runs: what has been run is answered.
    const until = given ? wanted : { ...wanted, deadlineMs: context.deadlineMs };
    evaluated = await evaluateAll(embedded, parsed.count, until, dependencies.evaluator);
  } finally {
    release();
  }
  const headEnd = performance.now();
  context.stages?.add('head', headStart, headEnd);
  const { decodeMs, queueMs } = embedded;
  const timings = { decodeMs, queueMs, computeMs: embedded.computeMs + headEnd - headStart };

  // An answer that nobody gets is not recorded: its label must not count as one for what was served.
  if (context.signal.aborted) throw new StatusError('cancelled', 'the caller gave up before the answer was there');
  const heads = await Promise.all(
    evaluated.map(async (answer, index) => {
      const head = embedded.heads[index]!;
      return { ...answer, recorded: await record(dependencies.learning, head, parsed, answer, embedded.embeddings) };
    }),
  );
  context.stages?.add('record', headEnd, performance.now());
  const named = heads.find(({ name }) => name === request.modelName);
  const answer: InferAnswer = {
    model: asked.spec.name,
    version: named === undefined ? BACKBONE_VERSION : String(named.version),
    id: parsed.id,
    count: parsed.count,
    heads,
    several: asked.names !== undefined,
    embeddings: embedded.embeddings,
    dimensions: asked.spec.dimensions,
    timings,
  };
  return { response: buildInferResponse(answer, parsed.outputs, parsed.raw), timings };
}

async function evaluateAll(
  { heads, embeddings }: EmbeddedRequest,
  count: number,
  wanted: Wanted,
  evaluator: Evaluator,
): Promise<Omit<HeadAnswer, 'recorded'>[]> {
  const evaluated: Omit<HeadAnswer, 'recorded'>[] = [];
  for (const head of heads) {
    const answers = await evaluator.evaluate(head.model, embeddings, count, wanted);
    evaluated.push({ name: head.definition.name, version: head.version, ...answers });
  }
  return evaluated;
}

async function embed(
  { input, count }: InferRequest,
  { batcher, heads: targets }: Addressed,
  context: CallContext,
  { decode }: InferDependencies,
): Promise<EmbeddedRequest> {
  const capture = () => {
    const heads = targets.map((target) => target.capture());
    refuseLargeAnswer(heads, count);
    return heads;
  };
  if (input.kind === 'embedding') {
    return { embeddings: input.data, heads: capture(), decodeMs: 0, queueMs: 0, computeMs: 0 };
  }
  // A place in the queue first: nothing is decoded for a request that will be refused.
  const whose = {
    client: context.caller.client,
    priority: 'inference',
    deadlineMs: context.deadlineMs,
    signal: context.signal,
  } as const;
  const readyInMs = input.kind === 'image' ? decode.expectedMs?.(whose.client, whose.priority, count) : 0;
  const permit = batcher.admit({ images: count, bytes: heldBytes(input), readyInMs, ...whose });
  try {
    const decodeStart = performance.now();
    const images: Images =
      input.kind === 'image'
        ? { kind: 'pixels', count, data: await decode(input.images, batcher.backbone.image, whose) }
        : { ...input, count };
    const submitted = performance.now();
    const decodeMs = input.kind === 'image' ? submitted - decodeStart : 0;
    if (input.kind === 'image') context.stages?.add('decode', decodeStart, submitted);
    let heads: readonly ServingHead[] = [];
    let begun = submitted;
    const onStart = () => {
      heads = capture();
      if (context.stages !== undefined) begun = performance.now();
    };
    const embedded = await permit.submit(images, { onStart });
    context.stages?.embedded(submitted, begun, performance.now(), embedded.computeMs);
    return { ...embedded, decodeMs, heads };
  } finally {
    permit.release();
  }
}

async function record(
  learning: Pick<Learning, 'recordServed'>,
  head: ServingHead,
  { id, count }: InferRequest,
  { labels }: Pick<HeadAnswer, 'labels'>,
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
