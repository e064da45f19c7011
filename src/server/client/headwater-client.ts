import type { CallOptions, ServiceError } from '@grpc/grpc-js';
import {
  type ActResponse__Output,
  type CreateHeadRequest,
  type ExportHeadResponse__Output,
  type Head__Output,
  inference,
  type LearningServiceClient,
  learning,
  type ModelInferRequest,
  type ModelInferResponse__Output,
} from '../../../protos/index.js';
import { type ChannelSecurity, PLAIN } from './channel-security.js';
import { sendChunks } from './send-chunks.js';
import { type Answer, imageRequest, readAnswer } from './tensors.js';

/** What ListHeads answers. */
type ListHeadsResponse__Output = { readonly heads: readonly Head__Output[] };

/** The stream of `StreamFeedback`: requests in, one response for each. */
export type FeedbackStream = ReturnType<LearningServiceClient['streamFeedback']>;

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
const CHANNEL_OPTIONS = {
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  // Retries are ours: they know which answers may come twice.
  'grpc.enable_retries': 0,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1000,
  'grpc.keepalive_time_ms': 30_000,
  // A channel of its own: nobody else's backoff holds it up.
  'grpc.use_local_subchannel_pool': 1,
};

/** Both services of one server, as promises. Calls reject with grpc-js's ServiceError. */
export class HeadwaterClient {
  readonly #inference;
  readonly #learning;

  /** @param server `host:port`; nothing is connected yet. @param security default: plain text, no token */
  constructor(
    readonly server: string,
    { credentials, interceptors, serverName }: ChannelSecurity = PLAIN,
  ) {
    const named = serverName === undefined ? {} : { 'grpc.ssl_target_name_override': serverName };
    const options = { ...CHANNEL_OPTIONS, ...named, interceptors: [...interceptors] };
    this.#inference = new inference.GRPCInferenceService(server, credentials, options);
    this.#learning = new learning.LearningService(server, credentials, options);
  }

  /** Classifies one encoded image. An empty id: the server makes one. */
  async predict(head: string, id: string, image: Uint8Array, top = 0): Promise<Answer> {
    return readAnswer(await this.infer(imageRequest(head, id, image, top)));
  }

  infer(request: ModelInferRequest): Promise<ModelInferResponse__Output> {
    return unary<ModelInferResponse__Output>((options, done) => this.#inference.modelInfer(request, options, done));
  }

  feedbackStream(): FeedbackStream {
    return this.#learning.streamFeedback();
  }

  getHead(name: string): Promise<Head__Output> {
    return unary((options, done) => this.#learning.getHead({ name }, options, done));
  }

  async listHeads(): Promise<readonly Head__Output[]> {
    const { heads } = await unary<ListHeadsResponse__Output>((options, done) =>
      this.#learning.listHeads({}, options, done),
    );
    return heads;
  }

  createHead(head: NewHead): Promise<Head__Output> {
    return unary((options, done) => this.#learning.createHead(createRequest(head), options, done));
  }

  /** @param expectedVersion a version that the caller has seen; 0: none. */
  async deleteHead(name: string, expectedVersion: number): Promise<void> {
    await unary((options, done) => this.#learning.deleteHead({ name, expectedVersion }, options, done));
  }

  /** @param version 0 releases the pin. */
  rollbackHead(name: string, version: number): Promise<Head__Output> {
    return unary((options, done) => this.#learning.rollbackHead({ name, version }, options, done));
  }

  /** @param candidate `auto`: the scores decide again. */
  promoteHead(name: string, candidate: string): Promise<ActResponse__Output> {
    return unary((options, done) => this.#learning.promoteHead({ name, candidate }, options, done));
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
  watchHead(name: string, intervalMs: number): AsyncIterable<Head__Output> {
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
  start: (options: CallOptions, done: (error: ServiceError | null, value?: T) => void) => unknown,
): Promise<T> {
  return new Promise((resolve, reject) => {
    start({ deadline: Date.now() + CALL_TIMEOUT_MS }, (error, value) => {
      if (error) reject(error);
      else resolve(value as T);
    });
  });
}
