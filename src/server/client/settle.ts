import { setTimeout as delay } from 'node:timers/promises';
import type { Head__Output } from '../../../protos/index.js';
import type { ServiceCalls } from '../../client/shared.js';
import { isTransient, isUnreachable, type RetryPolicy, retryPushbackMs, withRetry } from '../../client/shared.js';
import { Failure } from './failure.js';

/** What the settling of a head is judged by. */
export type Settling = Pick<
  Head__Output,
  'labelsWaiting' | 'snapshotSequence' | 'logSequence' | 'servingVersion' | 'latestVersion' | 'pinned'
> & { readonly versions: readonly Pick<Head__Output['versions'][number], 'version' | 'logSequence'>[] };

const POLL_MS = 300;

/** What is not done yet, in words; undefined when every label was used and what it taught is served (unless pinned). */
export function unsettled(head: Settling): string | undefined {
  if (head.labelsWaiting > 0) return `${head.labelsWaiting} labels are not joined yet`;
  if (head.snapshotSequence < head.logSequence) {
    return `the newest snapshot is at position ${head.snapshotSequence} of the log, whose end is ${head.logSequence}`;
  }
  if (head.pinned || head.latestVersion === 0) return undefined;
  const serving = head.versions.find(({ version }) => version === head.servingVersion);
  if (head.servingVersion !== head.latestVersion || (serving !== undefined && serving.logSequence < head.logSequence)) {
    return `version ${head.servingVersion} is served, ${head.latestVersion} is the newest`;
  }
  return undefined;
}

/**
 * Waits until a head has learned all that its label stream and log hold.
 *
 * @param onPoll Told of each look at the head that is not settled.
 * @throws Failure when nothing moves for the policy's patience: the message says what is missing.
 */
export async function waitUntilSettled(
  client: ServiceCalls,
  head: string,
  policy: RetryPolicy,
  onPoll: (head: Head__Output) => void = () => {},
  signal?: AbortSignal,
): Promise<Head__Output> {
  let lastSeen = '';
  let lastMove = performance.now();
  for (;;) {
    const state = await patientHead(client, head, policy, signal);
    const missing = unsettled(state);
    if (missing === undefined) return state;
    onPoll(state);
    const seen = [state.labelsWaiting, state.snapshotSequence, state.logSequence, state.servingVersion].join(' ');
    if (seen !== lastSeen) lastMove = performance.now();
    lastSeen = seen;
    if (performance.now() - lastMove > policy.patienceMs) {
      const seconds = Math.round(policy.patienceMs / 1000);
      const why = state.state === 'ready' ? '' : ` (the head says: ${state.state})`;
      throw new Failure(
        `${head} on ${client.server} is not done, and nothing moved for ${seconds} s: ${missing}${why}; ` +
          'see the log of the server, or wait longer with --patience',
      );
    }
    await delay(POLL_MS, undefined, { signal }).catch(() => signal?.throwIfAborted());
  }
}

/**
 * GetHead as a client's first call: a server that is not there is told at once, one that says UNAVAILABLE (NATS is away, it
 * is starting) is waited for.
 * @param onWait Told of the first such answer.
 */
export function firstHead(
  client: ServiceCalls,
  head: string,
  policy: RetryPolicy,
  onWait: (error: unknown) => void,
): Promise<Head__Output> {
  let told = false;
  return withRetry(() => client.getHead(head), policy, {
    isTransient: (error) => isTransient(error) && !isUnreachable(error),
    pushbackMs: retryPushbackMs,
    onRetry: (error) => {
      if (!told) onWait(error);
      told = true;
    },
  });
}

/** GetHead with retries. */
export function patientHead(
  client: ServiceCalls,
  head: string,
  policy: RetryPolicy,
  signal?: AbortSignal,
): Promise<Head__Output> {
  return withRetry(() => client.getHead(head), policy, { isTransient, pushbackMs: retryPushbackMs, signal });
}
