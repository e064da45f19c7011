import { asHeadwaterError } from './errors.js';
import { isWorthRepeating, retryPushbackMs } from './grpc-errors.js';
import { type Limits, type RunningLimits, withinLimits } from './limits.js';
import { type RetryPolicy, withRetry } from './retry.js';

/** How often and how soon a call is made again. The time for all of it is the call's `timeoutMs`. */
export interface RetryOptions {
  /** Calls made altogether; 1: none is made again. Default 10. */
  readonly attempts?: number | undefined;
  /** Milliseconds before the second call, doubling with each, unless the server says how long to wait. Default 100. */
  readonly firstDelayMs?: number | undefined;
  /** Default 2000. */
  readonly maxDelayMs?: number | undefined;
  /** Told before each wait. */
  readonly onRetry?: ((error: unknown, waitMs: number) => void) | undefined;
}

export const DEFAULT_TIMEOUT_MS = 30_000;

/** Makes calls within their limits, again where that is worth it. */
export class Caller {
  constructor(
    private readonly retry: RetryOptions,
    private readonly timeoutMs: number,
  ) {}

  /**
   * @param attempt makes the call once; rejects with grpc-js's ServiceError
   * @param mayRepeat whether it is made again after this error
   * @throws HeadwaterError, or the signal's reason
   */
  async run<T>(
    { timeoutMs = this.timeoutMs, signal }: Limits,
    attempt: (limits: RunningLimits) => Promise<T>,
    mayRepeat: (error: unknown) => boolean = isWorthRepeating,
  ): Promise<T> {
    const { attempts = 10, firstDelayMs = 100, maxDelayMs = 2000, onRetry } = this.retry;
    try {
      return await withinLimits(timeoutMs, signal, (limits) => {
        const policy: RetryPolicy = { firstDelayMs, maxDelayMs, maxAttempts: attempts, patienceMs: timeoutMs };
        return withRetry(() => attempt(limits), policy, {
          // A wait that the time left does not allow is not begun: the error itself says more than "the time is up".
          isTransient: (error) => mayRepeat(error) && (retryPushbackMs(error) ?? 0) < limits.remainingMs(),
          pushbackMs: retryPushbackMs,
          signal: limits.signal,
          ...(onRetry && { onRetry }),
        });
      });
    } catch (error) {
      throw asHeadwaterError(error);
    }
  }
}
