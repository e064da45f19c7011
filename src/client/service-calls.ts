import type { CallOptions, ChannelOptions, ClientUnaryCall, ServiceError } from '@grpc/grpc-js';
import {
  type ActResponse__Output,
  type CreateHeadRequest,
  type ExportHeadResponse__Output,
  type FeedbackRequest,
  type FeedbackResponse__Output,
  type GRPCInferenceServiceClient,
  type Head__Output,
  inference,
  type LearningServiceClient,
  learning,
  type ModelInferRequest,
  type ModelInferResponse__Output,
} from '../../protos/index.js';
import { inferRequest, type Prediction, readPrediction } from './answer.js';
import { type ChannelSecurity, channelOptions, PLAIN } from './channel.js';
import { sendChunks } from './send-chunks.js';

/** What ListHeads answers. */
type ListHeadsResponse__Output = { readonly heads: readonly Head__Output[] };

/** The stream of `StreamFeedback`: requests in, one response for each, in order. */
export type FeedbackCall = ReturnType<LearningServiceClient['streamFeedback']>;
/** The stream of `ModelStreamInfer`: likewise. */
export type InferCall = ReturnType<GRPCInferenceServiceClient['modelStreamInfer']>;

/** The stream of `WatchHead`. */
export type WatchCall = ReturnType<LearningServiceClient['watchHead']>;

/** A head to create. */
export interface NewHead {
  readonly name: string;
  readonly backbone: string;
  /** Empty: open. */
  readonly classes: readonly string[];
  /** 0: the server's default. */
  readonly maxClasses: number;
  /** Empty: auto. */
  readonly serve: string;
  /** Empty: auto. */
  readonly train: readonly string[];
}

const CALL_TIMEOUT_MS = 30_000;

/** How one call is made. */
export interface CallLimits {
  /** Milliseconds until it is given up. */
  readonly timeoutMs?: number | undefined;
  /** Cancels it: it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Both services of one server, as promises, each call made once. Calls reject with grpc-js's ServiceError. */
export class ServiceCalls {
  readonly #inference;
  readonly #learning;

  /** @param server `host:port`; nothing is connected yet. @param security default: plain text, no token */
  constructor(
    readonly server: string,
    security: ChannelSecurity = PLAIN,
    overrides: ChannelOptions = {},
  ) {
    const options = channelOptions(security, overrides);
    this.#inference = new inference.GRPCInferenceService(server, security.credentials, options);
    // One connection for both: drained, balanced and closed as one.
    this.#learning = new learning.LearningService(server, security.credentials, {
      ...options,
      channelOverride: this.#inference.getChannel(),
    });
  }

  /** Classifies one encoded image. An empty id: the server makes one. @param top so many best classes are asked for */
  async predict(head: string, id: string, image: Uint8Array, top = 0): Promise<Prediction> {
    return readPrediction(await this.infer(inferRequest({ heads: [head], id, input: { image }, top })));
  }

  infer(request: ModelInferRequest, limits?: CallLimits): Promise<ModelInferResponse__Output> {
    return unary((options, done) => this.#inference.modelInfer(request, options, done), limits);
  }

  inferStream(): InferCall {
    return this.#inference.modelStreamInfer();
  }

  feedback(request: FeedbackRequest, limits?: CallLimits): Promise<FeedbackResponse__Output> {
    return unary((options, done) => this.#learning.feedback(request, options, done), limits);
  }

  feedbackStream(): FeedbackCall {
    return this.#learning.streamFeedback();
  }

  getHead(name: string, limits?: CallLimits): Promise<Head__Output> {
    return unary((options, done) => this.#learning.getHead({ name }, options, done), limits);
  }

  async listHeads(limits?: CallLimits): Promise<readonly Head__Output[]> {
    const { heads } = await unary<ListHeadsResponse__Output>(
      (options, done) => this.#learning.listHeads({}, options, done),
      limits,
    );
    return heads;
  }

  createHead(head: NewHead, limits?: CallLimits): Promise<Head__Output> {
    return unary((options, done) => this.#learning.createHead(createRequest(head), options, done), limits);
  }

  /** @param expectedVersion a version that the caller has seen; 0: none. */
  async deleteHead(name: string, expectedVersion: number, limits?: CallLimits): Promise<void> {
    await unary((options, done) => this.#learning.deleteHead({ name, expectedVersion }, options, done), limits);
  }

  /** @param version 0 releases the pin. */
  rollbackHead(name: string, version: number, limits?: CallLimits): Promise<Head__Output> {
    return unary((options, done) => this.#learning.rollbackHead({ name, version }, options, done), limits);
  }

  /** @param candidate `auto`: the scores decide again. */
  promoteHead(name: string, candidate: string, limits?: CallLimits): Promise<ActResponse__Output> {
    return unary((options, done) => this.#learning.promoteHead({ name, candidate }, options, done), limits);
  }

  setLearners(name: string, learners: readonly string[]): Promise<ActResponse__Output> {
    return unary((options, done) => this.#learning.setLearners({ name, learners: [...learners] }, options, done));
  }

  deleteClass(name: string, className: string): Promise<ActResponse__Output> {
    return unary((options, done) => this.#learning.deleteClass({ name, className }, options, done));
  }

  renameClass(name: string, from: string, to: string): Promise<ActResponse__Output> {
    return unary((options, done) => this.#learning.renameClass({ name, from, to }, options, done));
  }

  /** The head's state now and then every interval; ends when the head is deleted. */
  watchHead(name: string, intervalMs: number): WatchCall {
    return this.#learning.watchHead({ name, intervalMs });
  }

  /** An exported head's file in chunks. @param version 0: the one being served. */
  exportHead(name: string, version: number): AsyncIterable<ExportHeadResponse__Output> {
    return this.#learning.exportHead({ name, version });
  }

  /** Creates a head from an exported one's file of `totalBytes`. */
  importHead(head: NewHead, totalBytes: number, file: AsyncIterable<Uint8Array>): Promise<Head__Output> {
    return sendChunks((done) => this.#learning.importHead(done), createRequest(head), totalBytes, file);
  }

  close(): void {
    this.#inference.close();
    this.#learning.close();
  }
}

function createRequest(head: NewHead): CreateHeadRequest {
  return { ...head, classes: [...head.classes], train: [...head.train] };
}

function unary<T>(
  start: (options: CallOptions, done: (error: ServiceError | null, value?: T) => void) => ClientUnaryCall,
  { timeoutMs = CALL_TIMEOUT_MS, signal }: CallLimits = {},
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const cancel = () => call.cancel();
    const call = start({ deadline: Date.now() + timeoutMs }, (error, value) => {
      signal?.removeEventListener('abort', cancel);
      if (error) reject(signal?.aborted ? signal.reason : error);
      else resolve(value as T);
    });
    signal?.addEventListener('abort', cancel, { once: true });
  });
}
