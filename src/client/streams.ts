// Requests over streams. When a stream breaks or the server drains, what is not answered is sent again on the next one.
import { status } from '@grpc/grpc-js';
import type {
  FeedbackRequest,
  FeedbackResponse__Output,
  ModelInferRequest,
  ModelInferResponse__Output,
  ModelStreamInferResponse__Output,
} from '../../protos/index.js';
import { type Prediction, readPrediction } from './answer.js';
import type { Caller } from './call-settings.js';
import { HeadwaterError, refusal } from './errors.js';
import { inOrder } from './in-order.js';
import { feedbackRequest, type LabelInput, readFeedback, type StoredLabels } from './labels.js';
import type { Limits } from './limits.js';
import { type DuplexCall, OrderedCalls } from './ordered-calls.js';
import { type PredictRequest, singleHeadRequest } from './predict-request.js';

export interface StreamOptions {
  /** Requests that are sent and not answered: more wait. Default 16, what a server works on of one stream unless configured otherwise. */
  readonly window?: number | undefined;
}

export const DEFAULT_WINDOW = 16;

/** What came of one request of `PredictStream.all`. */
export type PredictResult<Request> =
  | { readonly request: Request; readonly prediction: Prediction }
  | { readonly request: Request; readonly error: unknown };

/** A stream that closes when what it was asked is done. */
abstract class ResendingStream<Request, Response> {
  readonly #calls: OrderedCalls<Request, Response>;
  readonly #underWay = new Set<Promise<unknown>>();
  #isClosed = false;
  protected readonly window: number;

  constructor(
    private readonly caller: Caller,
    open: () => DuplexCall<Request, Response>,
    { window = DEFAULT_WINDOW }: StreamOptions,
  ) {
    this.window = window;
    this.#calls = new OrderedCalls(open, { window });
  }

  /** @param read throws grpc-js's ServiceError for an answer that is an error */
  protected async exchange<Result>(
    request: Request,
    limits: Limits,
    read: (response: Response) => Result,
  ): Promise<Result> {
    if (this.#isClosed) throw new HeadwaterError('CANCELLED', undefined, 'the stream is closed');
    const exchange = this.caller.run(limits, async ({ signal }) => read(await this.#calls.send(request, signal)));
    this.#underWay.add(exchange);
    try {
      return await exchange;
    } finally {
      this.#underWay.delete(exchange);
    }
  }

  /** Takes no more requests; resolves once those under way have ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#underWay);
    this.#calls.close();
  }

  /** Gives up what is under way: it rejects with CANCELLED. */
  cancel(): void {
    this.#isClosed = true;
    this.#calls.close();
    this.#calls.cancel(new HeadwaterError('CANCELLED', undefined, 'the stream was cancelled'));
  }
}

/** Images through one stream, up to `window` at once. A request that fails rejects; the others go on. */
export class PredictStream extends ResendingStream<ModelInferRequest, ModelStreamInferResponse__Output> {
  /**
   * Sends as soon as the window allows; so many at once may be called.
   * @throws HeadwaterError, the signal's reason; TypeError for a shape that does not fit its data
   */
  async predict(request: PredictRequest, limits: Limits = {}): Promise<Prediction> {
    return this.exchange(singleHeadRequest(request), limits, (response) => readPrediction(readStreamed(response)));
  }

  /**
   * Predicts what a source gives and yields the results in its order. The source is read no further ahead than the window, and the window
   * moves with the reader.
   */
  all<Request extends PredictRequest>(
    source: AsyncIterable<Request> | Iterable<Request>,
    limits: Limits = {},
  ): AsyncGenerator<PredictResult<Request>, void, void> {
    return inOrder(source, this.window, (request) =>
      this.predict(request, limits).then(
        (prediction) => ({ request, prediction }),
        (error: unknown) => ({ request, error }),
      ),
    );
  }
}

/** Labels through one stream. */
export class FeedbackStream extends ResendingStream<FeedbackRequest, FeedbackResponse__Output> {
  /**
   * Resolves once the labels are stored: all of them, or none when one is not acceptable.
   * @throws HeadwaterError, the signal's reason; TypeError for a label that joins nothing and teaches nothing
   */
  async send(head: string, labels: LabelInput | readonly LabelInput[], limits: Limits = {}): Promise<StoredLabels> {
    const { request, ids } = feedbackRequest(head, asList(labels));
    return { ids, sequences: await this.exchange(request, limits, readFeedback) };
  }
}

export function asList(labels: LabelInput | readonly LabelInput[]): readonly LabelInput[] {
  return Array.isArray(labels) ? labels : [labels as LabelInput];
}

/** @throws ServiceError when the request was refused. */
function readStreamed({ errorMessage, inferResponse }: ModelStreamInferResponse__Output): ModelInferResponse__Output {
  if (errorMessage === '' && inferResponse) return inferResponse;
  const { headwater_error: code, retry_delay_ms: delay } = inferResponse?.parameters ?? {};
  const [, name = 'UNKNOWN', details = errorMessage] = /^([A-Z_]+): (.*)$/s.exec(errorMessage) ?? [];
  const number = status[name as keyof typeof status] ?? status.UNKNOWN;
  throw refusal(number, details, code?.stringParam ?? '', Number(delay?.stringParam ?? 0));
}
