import type { ConsumerInfo, JetStreamManager, StoredMsg } from 'nats';
import type { Log, NatsLink } from '../connection/connection.js';
import { isNotFound, isUnavailable, JETSTREAM_ERROR, jetStreamCode } from '../connection/errors.js';

// nats-server 2.9.10 writes down acknowledgements within a second, but the removals that follow from them in a work queue
// only some seconds later. Killed in between, it comes back with acknowledged messages in the stream: no consumer will ever be
// given them, they take room, and whoever counts the stream's messages takes them for work.
//
// They are deleted one by one. Purging would be quicker and is wrong: any purge, even one that removes nothing, makes
// 2.9.10's consumers forget the messages they have delivered and that are not acknowledged yet: those never come again.

/** Messages that were acknowledged out of order can be told only when those before them are acknowledged too. */
const SWEEP_EVERY_MS = 5_000;

/** What a consumer had been given when NATS was last connected: what came back after a crash is not above it. */
type Horizon = ReadonlyMap<string, number>;

/**
 * Removes from work-queue streams what their consumers have acknowledged: now and after every reconnect, and again every
 * 5 s until all that a crash could have brought back is settled.
 * Returns what ends it (resolves when the sweep under way has ended).
 */
export function sweepAcknowledged(link: NatsLink, streams: readonly string[], log: Log): () => Promise<void> {
  const suspects = new Map<string, Horizon | undefined>();
  let running: Promise<void> | undefined;
  let stopped = false;
  const sweep = async () => {
    for (const [stream, horizon] of [...suspects]) {
      if (stopped || !link.connected) return;
      try {
        const { removed, consumers } = await removeAcknowledged(link, stream);
        if (removed > 0)
          log('info', `removed ${removed} messages from ${stream}: acknowledged before nats-server died`);
        const delivered = horizon ?? new Map(consumers.map((each) => [each.name, each.delivered.stream_seq]));
        const settled = consumers.every((each) => each.ack_floor.stream_seq >= (delivered.get(each.name) ?? 0));
        if (settled) suspects.delete(stream);
        else suspects.set(stream, delivered);
      } catch (error) {
        if (!isUnavailable(error)) log('warn', `acknowledged messages stay in ${stream}: ${(error as Error).message}`);
      }
    }
  };
  const run = () => {
    if (suspects.size === 0 || stopped) return;
    running ??= sweep().finally(() => {
      running = undefined;
    });
  };
  const begin = () => {
    for (const stream of streams) suspects.set(stream, undefined);
    run();
  };
  const timer = setInterval(run, SWEEP_EVERY_MS);
  timer.unref();
  const offStatus = link.onStatus((connected) => {
    if (connected) begin();
  });
  begin();
  return async () => {
    stopped = true;
    clearInterval(timer);
    offStatus();
    await running;
  };
}

/**
 * One sweep of a work-queue stream: how many messages it removed, and the consumers as they were before. What is not
 * acknowledged, and what no consumer is for, stays.
 */
export async function removeAcknowledged(
  link: NatsLink,
  stream: string,
): Promise<{ removed: number; consumers: ConsumerInfo[] }> {
  const manager = await link.manager();
  const consumers: ConsumerInfo[] = [];
  for await (const consumer of manager.consumers.list(stream)) consumers.push(consumer);
  const highestFloor = Math.max(0, ...consumers.map((consumer) => consumer.ack_floor.stream_seq));
  let removed = 0;
  for (let from = 1; from <= highestFloor; ) {
    const message = await nextMessage(manager, stream, from);
    if (message === undefined || message.seq > highestFloor) break;
    if (consumers.some((consumer) => hasAcknowledged(consumer, message))) {
      if (await deleteMessage(manager, stream, message.seq)) removed += 1;
    }
    from = message.seq + 1;
  }
  return { removed, consumers };
}

/** Everything up to the floor is acknowledged, of what the consumer is for. */
function hasAcknowledged({ ack_floor: floor, config }: ConsumerInfo, { seq, subject }: StoredMsg): boolean {
  return seq <= floor.stream_seq && (!config.filter_subject || subjectMatches(config.filter_subject, subject));
}

/** NATS's rule: `*` is one token, `>` at the end one or more. */
export function subjectMatches(filter: string, subject: string): boolean {
  const wanted = filter.split('.');
  const tokens = subject.split('.');
  for (const [i, token] of wanted.entries()) {
    if (token === '>') return tokens.length > i;
    if (i >= tokens.length || (token !== '*' && token !== tokens[i])) return false;
  }
  return wanted.length === tokens.length;
}

async function nextMessage(manager: JetStreamManager, stream: string, seq: number): Promise<StoredMsg | undefined> {
  // The server's API knows next_by_subj; nats.js has it in the types of direct gets only, which work queues don't allow.
  // With a narrower filter than `>`, 2.9.10 overlooks messages: its index by subject goes wrong when the last message of a
  // subject is removed before an earlier one.
  const query = { seq, next_by_subj: '>' };
  try {
    return await manager.streams.getMessage(stream, query);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function deleteMessage(manager: JetStreamManager, stream: string, seq: number): Promise<boolean> {
  try {
    return await manager.streams.deleteMessage(stream, seq, false);
  } catch (error) {
    if (jetStreamCode(error) === JETSTREAM_ERROR.messageDeleteFailed) return false;
    throw error;
  }
}
