// W3C trace context, and the trace that an id stands for. Pure.
import { createHash } from 'node:crypto';

/** Who called, as a `traceparent` says it (W3C Trace Context, section 3.2). */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** Whether the caller has its part of the trace recorded: then ours is, too, and else not. */
  readonly sampled: boolean;
}

const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** A traceparent read; undefined when it is none: then there is no caller, as the specification has it. */
export function parseTraceparent(text: string | undefined): TraceContext | undefined {
  const [, version, traceId, spanId, flags, rest] = TRACEPARENT.exec(text ?? '') ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  if (version === '00' && rest !== undefined) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/**
 * The trace of a request id: the first 16 bytes of its sha256. Request and label come at different times to different processes, and the id
 * is what both know: nothing has to be stored to find one from the other.
 */
export function traceOfId(id: string): string {
  return createHash('sha256').update(id, 'utf8').digest('hex').slice(0, 32);
}

/** The same by the id's key in the training log: the beginning of the same sha256 (see `messageKey` in the learner). */
export function traceOfKey(key: string): string {
  return Buffer.from(key, 'base64url').subarray(0, 16).toString('hex');
}

/** The span that a step of that trace always has, so that the next step, in another process, can name its parent. */
export function spanOf(traceId: string, step: string): string {
  return createHash('sha256').update(`${traceId} ${step}`).digest('hex').slice(0, 16);
}

/** Whether a trace is among the `share` (0 to 1) of them that is recorded: every process decides alike. */
export function isSampled(traceId: string, share: number): boolean {
  return Number.parseInt(traceId.slice(-12), 16) < share * 2 ** 48;
}
