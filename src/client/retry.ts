import { setTimeout as delay } from 'node:timers/promises';

export interface RetryPolicy {
  /** A call that has been failing for so long is given up. */
  readonly patienceMs: number;
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** Calls made altogether; undefined: as many as fit. */
  readonly maxAttempts?: number | undefined;
}

export const DEFAULT_RETRY: RetryPolicy = { patienceMs: 60_000, firstDelayMs: 100, maxDelayMs: 2_000 };

export interface RetryHooks {
  isTransient(error: unknown): boolean;
  /** The wait that the other side asked for. */
  pushbackMs?(error: unknown): number | undefined;
  /** Told before each wait. */
  onRetry?(error: unknown, waitMs: number): void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Milliseconds before the retry that follows the `attempt`-th failure (1, 2, ...): doubling, up to a limit, then spread by
 * half (so that many clients do not return at once). What the other side asked for is kept to.
 *
 * @param random A number in [0, 1).
 */
export function retryDelayMs(
  attempt: number,
  policy: Pick<RetryPolicy, 'firstDelayMs' | 'maxDelayMs'>,
  pushbackMs: number | undefined,
  random: number,
): number {
  if (pushbackMs !== undefined) return pushbackMs;
  const doubled = Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** Math.min(attempt - 1, 30));
  return doubled * (0.5 + 0.5 * random);
}

/**
 * Calls until it succeeds, fails for good, or has been failing for longer than the policy's patience.
 *
 * @throws The last error, or the signal's reason once aborted.
 */
export async function withRetry<T>(call: () => Promise<T>, policy: RetryPolicy, hooks: RetryHooks): Promise<T> {
  let firstFailure: number | undefined;
  for (let attempt = 1; ; attempt++) {
    hooks.signal?.throwIfAborted();
    try {
      return await call();
    } catch (error) {
      if (hooks.signal?.aborted || !hooks.isTransient(error)) throw error;
      const now = performance.now();
      firstFailure ??= now;
      const waitMs = retryDelayMs(attempt, policy, hooks.pushbackMs?.(error), Math.random());
      if (attempt >= (policy.maxAttempts ?? Number.POSITIVE_INFINITY)) throw error;
      if (now + waitMs - firstFailure > policy.patienceMs) throw error;
      hooks.onRetry?.(error, waitMs);
      await delay(waitMs, undefined, { signal: hooks.signal }).catch(() => hooks.signal?.throwIfAborted());
    }
  }
}
