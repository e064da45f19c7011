import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HeadRegistry } from '../../../../src/learner/heads/registry/head-registry.js';
import { HeadRemoval } from '../../../../src/learner/heads/upkeep/head-removal.js';
import { rememberIds } from '../../../../src/learner/heads/upkeep/remember-ids.js';
import type { NatsLink } from '../../../../src/learner/nats/connection/connection.js';
import type { LogRange } from '../../../../src/learner/nats/log/log-range.js';
import type { RemovedIds } from '../../../../src/learner/nats/log/removed-ids.js';
import { TrainingLog } from '../../../../src/learner/nats/log/training-log.js';
import type { HeadStore } from '../../../../src/learner/nats/stores/head-store.js';
import type { SnapshotStore } from '../../../../src/learner/nats/stores/snapshot-store.js';
import { testDefinition } from '../../../support/test-log.js';
import { until } from '../../../support/until.js';

const link = { connected: true, manager: async () => ({}) } as unknown as NatsLink;
const soon = { timeout: 20_000 };

/** A log of which nothing comes, as while NATS is away. */
class SilentLog extends TrainingLog {
  reading = false;

  constructor() {
    super(link, {} as RemovedIds);
  }

  override async *read(_: unknown, { signal }: LogRange): AsyncGenerator<never> {
    this.reading = true;
    await new Promise((resolve) => signal?.addEventListener('abort', resolve));
  }
}

test('a removal that waits for NATS can be stopped', soon, async () => {
  const log = new SilentLog();
  const registry = {
    onChange: () => () => {},
    withRemains: () => ['pets'],
    remains: () => [1],
  } as unknown as HeadRegistry;
  const store = { removeOf: async () => {} } as unknown as HeadStore;
  const snapshots = { removeAll: async () => {} } as unknown as SnapshotStore;
  const observer = { log: () => {} };
  const removal = new HeadRemoval({ link, store, snapshots, log, registry, observer, isOurs: () => true });
  await until('it reads the log', () => log.reading);
  await removal.stop();
});

test('remembering ids, and removing entries, end when they are told to while NATS is away', soon, async () => {
  const definition = testDefinition();
  const ways = [
    (log: TrainingLog, signal: AbortSignal) =>
      rememberIds({ log, removed: {} as RemovedIds, definition, after: 0, to: 9, mayGoOn: () => true, signal }),
    (log: TrainingLog, signal: AbortSignal) => log.removeTo(definition, 9, () => true, signal),
  ];
  for (const way of ways) {
    const log = new SilentLog();
    const abort = new AbortController();
    const done = way(log, abort.signal);
    await until('it reads the log', () => log.reading);
    abort.abort();
    assert.equal(await done, false, 'it was interrupted');
  }
});
