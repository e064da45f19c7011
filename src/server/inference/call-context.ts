import type { Metadata } from '@grpc/grpc-js';
import type { Caller } from '../security/caller.js';
import type { Stages } from '../tracing/stages.js';

/** What comes with a call, beside its message. */
export interface CallContext {
  /** Unix time in milliseconds; Infinity: none. */
  readonly deadlineMs: number;
  /** Aborted when the caller gave up or its deadline passed. */
  readonly signal: AbortSignal;
  readonly caller: Caller;
  /** As they came: what they say is asked only when it is needed. */
  readonly metadata?: Metadata | undefined;
  /** Told where the time goes, while traces are on. */
  readonly stages?: Stages | undefined;
}
