import { v7 as newId } from 'uuid';
import {
  embedRequest,
  inferRequest,
  type Prediction,
  readEmbeddings,
  readPrediction,
  readPredictions,
} from './answer.js';
import { Caller, DEFAULT_TIMEOUT_MS, type RetryOptions } from './call-settings.js';
import { channelSecurity, ROUND_ROBIN, type SecurityOptions } from './channel.js';
import { HeadCalls } from './head-calls.js';
import type { PredictInput } from './input.js';
import { feedbackRequest, type LabelInput, type StoredLabels } from './labels.js';
import type { Limits } from './limits.js';
import { type PredictOptions, type PredictRequest, singleHeadRequest } from './predict-request.js';
import { ServiceCalls } from './service-calls.js';
import { asList, FeedbackStream, PredictStream, type StreamOptions } from './streams.js';

export interface HeadwaterClientOptions extends SecurityOptions {
  /** Milliseconds that a call may take, its retries included, unless the call says otherwise. Default 30,000. */
  readonly timeoutMs?: number | undefined;
  readonly retry?: RetryOptions | undefined;
  /** Spreads calls over all addresses of the server's name, for `dns:///headless-service:8001`. Default: one connection to the first that answers. */
  readonly roundRobin?: boolean | undefined;
}

/** What may be given with a call to several heads. */
export type PredictHeadsOptions = Omit<PredictOptions, 'version'>;

/**
 * A Headwater server, or the replicas behind one name.
 *
 * - Calls reject with `HeadwaterError` (gRPC status, Headwater's code), or with the reason of the signal that cancelled them.
 * - What a wait can mend (the server is away, starting, draining, or full) is tried again within the call's time, after the delay that the server
 *   asks for. Predictions and labels always have an id, made by the client when none is given, so that doing one twice does no harm. Calls that
 *   change heads are made again only when the server surely did nothing.
 * - Nothing is connected before the first call.
 */
export class HeadwaterClient {
  readonly #calls: ServiceCalls;
  readonly #caller: Caller;
  /** What heads there are, and what is to become of them. */
  readonly heads: HeadCalls;

  /**
   * @param server `host:port`
   * @throws TypeError for options that contradict each other, or would send the token unencrypted; Error for PEM texts that are none
   */
  constructor(
    readonly server: string,
    options: HeadwaterClientOptions = {},
  ) {
    const { timeoutMs = DEFAULT_TIMEOUT_MS, retry = {}, roundRobin = false } = options;
    this.#calls = new ServiceCalls(server, channelSecurity(server, options), roundRobin ? ROUND_ROBIN : {});
    this.#caller = new Caller(retry, timeoutMs);
    this.heads = new HeadCalls(this.#calls, this.#caller);
  }

  /**
   * Classifies one image or several.
   * @throws HeadwaterError, the signal's reason; TypeError for a shape that does not fit its data
   */
  async predict(
    head: string,
    input: PredictInput,
    { timeoutMs, signal, ...options }: PredictOptions & Limits = {},
  ): Promise<Prediction> {
    const request = singleHeadRequest({ ...input, ...options, head } as PredictRequest);
    return readPrediction(await this.#infer(request, { timeoutMs, signal }));
  }

  /** Asks several heads of one backbone about the same images: the backbone runs once. One that can't answer fails the whole call. */
  async predictHeads(
    heads: readonly [string, ...string[]],
    input: PredictInput,
    { timeoutMs, signal, ...options }: PredictHeadsOptions & Limits = {},
  ): Promise<ReadonlyMap<string, Prediction>> {
    const { id = newId(), top } = options;
    const request = inferRequest({ heads, id, input, top });
    return readPredictions(await this.#infer(request, { timeoutMs, signal }), heads);
  }

  /** The embeddings themselves, one an image. @param model a backbone, or a head of it */
  async embed(model: string, input: PredictInput, limits: Limits = {}): Promise<Float32Array[]> {
    return readEmbeddings(await this.#infer(embedRequest(model, newId(), input), limits));
  }

  /**
   * Tells the truth about answers, or gives images or embeddings to learn from. Resolves once all are stored; when one is not acceptable, none is.
   * @throws HeadwaterError, the signal's reason; TypeError for a label that joins nothing and teaches nothing
   */
  async feedback(head: string, labels: LabelInput | readonly LabelInput[], limits: Limits = {}): Promise<StoredLabels> {
    const { request, ids } = feedbackRequest(head, asList(labels));
    const { sequences } = await this.#caller.run(limits, ({ signal, remainingMs }) =>
      this.#calls.feedback(request, { signal, timeoutMs: remainingMs() }),
    );
    return { ids, sequences };
  }

  /** Many predictions over one stream: less work a request than with calls of their own. */
  predictStream(options: StreamOptions = {}): PredictStream {
    return new PredictStream(this.#caller, () => this.#calls.inferStream(), options);
  }

  /** Many labels over one stream. */
  feedbackStream(options: StreamOptions = {}): FeedbackStream {
    return new FeedbackStream(this.#caller, () => this.#calls.feedbackStream(), options);
  }

  /** Closes the connection: calls under way end with CANCELLED or UNAVAILABLE. Streams are closed by themselves first, if their answers matter. */
  close(): void {
    this.#calls.close();
  }

  #infer(request: Parameters<ServiceCalls['infer']>[0], limits: Limits) {
    return this.#caller.run(limits, ({ signal, remainingMs }) =>
      this.#calls.infer(request, { signal, timeoutMs: remainingMs() }),
    );
  }
}
