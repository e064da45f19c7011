import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerWritableStream } from '@grpc/grpc-js';
import type { Head } from '../../../protos/index.js';
import type { HeadStatus, Heads } from '../../learner/index.js';
import { StatusError } from '../errors.js';
import type { CallContext } from '../inference/call-context.js';
import { demandSight } from '../security/caller.js';
import type { KnownHeads } from './known-head.js';
import { send } from './send.js';

const MIN_INTERVAL_MS = 100;
const DEFAULT_INTERVAL_MS = 1000;

export interface WatchOptions {
  readonly heads: Heads;
  readonly known: KnownHeads;
  readonly draining: AbortSignal;
}

/** Sends the head's state now and then every interval, until the client cancels, the head is gone, or the server stops. */
export async function watchHead(
  call: ServerWritableStream<{ readonly name: string; readonly intervalMs: number }, Head>,
  context: CallContext,
  { heads, known, draining }: WatchOptions,
): Promise<void> {
  const { name, intervalMs } = call.request;
  if (intervalMs !== 0 && intervalMs < MIN_INTERVAL_MS) {
    const message = `interval_ms: expected 0 (${DEFAULT_INTERVAL_MS}) or at least ${MIN_INTERVAL_MS}, got ${intervalMs}`;
    throw new StatusError('request_invalid', message);
  }
  const delayMs = intervalMs === 0 ? DEFAULT_INTERVAL_MS : Math.min(intervalMs, 2 ** 31 - 1);
  const over = AbortSignal.any([context.signal, draining]);
  demandSight(context.caller, name);
  let status: HeadStatus | undefined = known.need(name);
  while (status !== undefined && !over.aborted) {
    // Each time: its token may be revoked while it watches.
    demandSight(context.caller, name);
    await send(call, known.asKnown(status), context.signal);
    await sleep(delayMs, undefined, { signal: over }).catch(() => {});
    status = heads.status(name);
  }
  if (draining.aborted) throw new StatusError('draining', 'the server is stopping; try another replica');
}
