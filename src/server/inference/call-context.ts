import type { Caller } from '../security/caller.js';

/** What comes with a call, beside its message. */
export interface CallContext {
  /** Unix time in milliseconds; Infinity: none. */
  readonly deadlineMs: number;
  /** Aborted when the caller gave up or its deadline passed. */
  readonly signal: AbortSignal;
  readonly caller: Caller;
}
