import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FoldPool } from '../../../../src/learner/fold/fold-pool.js';
import { restoreFold } from '../../../../src/learner/heads/snapshots/restore-fold.js';
import type { LearningObserver } from '../../../../src/learner/index.js';
import type { HeadStore } from '../../../../src/learner/nats/stores/head-store.js';
import type { SnapshotStore } from '../../../../src/learner/nats/stores/snapshot-store.js';
import { type HeadVersion, LearnerError } from '../../../../src/learner/types.js';
import { testDefinition } from '../../../support/test-log.js';

/** A log that was cut at 100, and the states that can be read. */
function restore(readable: readonly string[], versions: readonly HeadVersion[]) {
  const opened: (string | null)[] = [];
  const record = { generation: 1, removedTo: 100, purged: true, base: null, next: null, ids: null };
  const store = { get: async () => ({ value: record, revision: 1 }) } as unknown as HeadStore;
  const snapshots = {
    get: async (_: unknown, __: string, digest: string) => {
      if (!readable.includes(digest)) throw new LearnerError('snapshot_corrupt', `${digest} is damaged`);
      return digest;
    },
  } as unknown as SnapshotStore;
  const pool = {
    open: async (_: unknown, state: string | null) => {
      opened.push(state);
      return { statistics: {}, sequence: 1 };
    },
  } as unknown as FoldPool;
  const observer = { log: () => {} } as unknown as LearningObserver;
  const definition = testDefinition();
  return { opened, done: restoreFold({ definition, snapshots, pool, store, observer }, versions) };
}

function version(sequence: number): HeadVersion {
  const position = { streamCreated: 'then', sequence };
  return { version: sequence, samples: sequence, position, stateDigest: `state ${sequence}` } as HeadVersion;
}

test('on a log that was cut, a state from before the cut is never restored, and nothing neither', async () => {
  const { opened, done } = restore(['state 50'], [version(150), version(120), version(50)]);
  await assert.rejects(done, { code: 'snapshot_corrupt', message: /compacted up to 100/ });
  assert.deepEqual(opened, []);
  const good = restore(['state 100', 'state 50'], [version(150), version(100), version(50)]);
  assert.equal((await good.done).good, false);
  assert.deepEqual(good.opened, ['state 100']);
});
