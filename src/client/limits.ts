import { HeadwaterError } from './errors.js';

/** How long a call may take, its retries included, and what cancels it. */
export interface Limits {
  readonly timeoutMs?: number | undefined;
  /** Once aborted, the call is cancelled and rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Limits of work that is under way. */
export interface RunningLimits {
  /** Aborted by the caller's signal, or when the time is up. */
  readonly signal: AbortSignal;
  remainingMs(): number;
}

/** Runs work within limits; what is waited for by the signal given to it ends with them. @throws HeadwaterError DEADLINE_EXCEEDED, the signal's reason, or what the work throws. */
export async function withinLimits<T>(
  timeoutMs: number,
  signal: AbortSignal | undefined,
  work: (limits: RunningLimits) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const controller = new AbortController();
  const end = performance.now() + timeoutMs;
  const relay = () => controller.abort(signal?.reason);
  signal?.addEventListener('abort', relay, { once: true });
  const timer = setTimeout(() => {
    controller.abort(new HeadwaterError('DEADLINE_EXCEEDED', undefined, `no answer within ${timeoutMs} ms`));
  }, timeoutMs);
  try {
    return await work({ signal: controller.signal, remainingMs: () => Math.max(1, end - performance.now()) });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', relay);
  }
}
