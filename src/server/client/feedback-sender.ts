import { status } from '@grpc/grpc-js';
import type { FeedbackRequest, FeedbackResponse__Output } from '../../../protos/index.js';
import {
  feedbackRequest,
  isServiceError,
  isTransient,
  OrderedCalls,
  type RetryPolicy,
  readFeedback,
  retryPushbackMs,
  type ServiceCalls,
  withRetry,
} from '../../client/shared.js';
import { LabelRefused, type LabelSender, type OutgoingLabel } from './label-sender.js';

/** Labels sent and not yet answered: more than those who send have under way. */
const WINDOW = 1024;

/** Labels over StreamFeedback, for as long as the policy's patience lasts. */
export class FeedbackSender implements LabelSender {
  readonly #calls: OrderedCalls<FeedbackRequest, FeedbackResponse__Output>;

  constructor(
    calls: ServiceCalls,
    private readonly head: string,
    private readonly policy: RetryPolicy,
  ) {
    this.#calls = new OrderedCalls(() => calls.feedbackStream(), { window: WINDOW });
  }

  async send(label: OutgoingLabel, signal?: AbortSignal): Promise<void> {
    const { request } = feedbackRequest(this.head, [label]);
    const send = async () => readFeedback(await this.#calls.send(request, signal));
    try {
      await withRetry(send, this.policy, { isTransient, pushbackMs: retryPushbackMs, signal });
    } catch (error) {
      if (isServiceError(error) && error.code === status.INVALID_ARGUMENT) throw new LabelRefused(error.details);
      throw error;
    }
  }

  close(): Promise<void> {
    this.#calls.close();
    return Promise.resolve();
  }
}
