import { setTimeout as delay } from 'node:timers/promises';
import type { Prediction, ServiceCalls } from '../../client/shared.js';
import { isTransient, type RetryPolicy, retryPushbackMs, withRetry } from '../../client/shared.js';

/** An answer without a record is asked for again so often; together that takes about three seconds. */
const RECORD_ATTEMPTS = 6;
const FIRST_WAIT_MS = 100;

export interface TimedAnswer extends Prediction {
  /** Answers given to this image, this one included: more than one where the first were not recorded. */
  readonly answers: number;
  /** Of the call that was answered, in milliseconds. */
  readonly latencyMs: number;
}

/** Classifies one image; what passes (server away or overloaded) is retried within the policy's patience. */
export function predictPatiently(
  client: ServiceCalls,
  head: string,
  id: string,
  image: Uint8Array,
  policy: RetryPolicy,
  signal?: AbortSignal,
): Promise<TimedAnswer> {
  const call = async () => {
    const start = performance.now();
    const answer = await client.predict(head, id, image);
    return { ...answer, answers: 1, latencyMs: performance.now() - start };
  };
  return withRetry(call, policy, { isTransient, pushbackMs: retryPushbackMs, signal });
}

/**
 * Like `predictPatiently`, and when the answer says that no label can join it, asks again under the same id a few times: the
 * last record before the label wins. The last answer is returned, recorded or not.
 */
export async function predictRecorded(
  client: ServiceCalls,
  head: string,
  id: string,
  image: Uint8Array,
  policy: RetryPolicy,
  signal?: AbortSignal,
): Promise<TimedAnswer> {
  for (let attempt = 1; ; attempt++) {
    const answer = await predictPatiently(client, head, id, image, policy, signal);
    if (answer.recorded || attempt === RECORD_ATTEMPTS) return { ...answer, answers: attempt };
    await delay(FIRST_WAIT_MS * 2 ** (attempt - 1), undefined, { signal }).catch(() => signal?.throwIfAborted());
  }
}
