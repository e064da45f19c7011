import { FoldPool } from '../../fold/fold-pool.js';
import type { HeadStatus, LearningObserver } from '../../learning.js';
import type { NatsLink } from '../../nats/connection/connection.js';
import { LogReaders } from '../../nats/log/log-readers.js';
import type { RemovedIds } from '../../nats/log/removed-ids.js';
import type { TrainingLog } from '../../nats/log/training-log.js';
import type { HeadStore } from '../../nats/stores/head-store.js';
import { LeaseStore } from '../../nats/stores/lease-store.js';
import type { SnapshotStore } from '../../nats/stores/snapshot-store.js';
import type { LearningOptions } from '../../options.js';
import { Limited } from '../../tasks/limited.js';
import { HeadLeases } from '../leases/head-leases.js';
import { openHolderId } from '../leases/holder-id.js';
import type { HeadRegistry } from '../registry/head-registry.js';
import type { LiveHead } from '../registry/head-view.js';
import { SnapshotPaces } from '../snapshots/snapshot-schedule.js';
import { LogCompactor } from '../upkeep/compaction.js';
import { HeadRemoval } from '../upkeep/head-removal.js';
import { ObjectSweep } from '../upkeep/object-sweep.js';
import { HeadLearners } from './head-learners.js';
import { LearnerSet } from './learner-set.js';

/** What reads and writes in NATS. */
export interface Stores {
  readonly link: NatsLink;
  readonly store: HeadStore;
  readonly snapshots: SnapshotStore;
  readonly log: TrainingLog;
  readonly removed: RemovedIds;
}

export interface TeachingOptions extends Stores {
  readonly registry: HeadRegistry;
  readonly observer: LearningObserver;
  readonly options: Pick<LearningOptions, 'roles' | 'dataDir' | 'learn' | 'snapshots' | 'training'>;
  /** See heads/compaction.ts. */
  readonly fenceMs: number;
}

/** Who teaches which head, and what this process learns itself. */
export interface Teaching {
  live(head: string): LiveHead | undefined;
  taughtBy(head: string): HeadStatus['taughtBy'];
  /** Hands all heads over to other learners, each after a last snapshot. */
  stop(): Promise<void>;
}

/** Heads whose folds are opened at the same time. */
const OPEN_CONCURRENCY = 16;

/** Every process sees who teaches which head; those with the role `learn` take part. @throws when NATS does not answer. */
export async function startTeaching(options: TeachingOptions): Promise<Teaching> {
  const { link, registry, observer } = options;
  const { roles, dataDir, learn } = options.options;
  const store = await LeaseStore.open(link);
  const holder = roles.includes('learn') ? await openHolderId(dataDir, observer.log) : undefined;
  const leases = new HeadLeases({ link, store, registry, leaseMs: learn.leaseMs, observer, self: holder?.id });
  const learners = holder && headLearners(options, leases);
  const removal = holder && new HeadRemoval({ ...options, isOurs: (head) => leases.isOurs(head) });
  const sweep = holder && objectSweep(options, leases);
  const stop = async () => {
    await sweep?.stop();
    await removal?.stop();
    learners?.leave();
    await leases.stop();
    await learners?.stop();
    await holder?.release();
  };
  try {
    await leases.start(learners);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    live: (head) => learners?.live(head),
    taughtBy: (head) => leases.taughtBy(head),
    stop,
  };
}

function objectSweep(options: TeachingOptions, leases: HeadLeases): ObjectSweep {
  const teaches = (head: string) => leases.certain(head);
  return new ObjectSweep({ ...options, teaches, isOurs: (name) => leases.isOurs(name) });
}

function headLearners(options: TeachingOptions, leases: HeadLeases): HeadLearners {
  const { link, log, observer, fenceMs } = options;
  const { learn, snapshots: policy, training } = options.options;
  return new HeadLearners({
    ...options,
    readers: new LogReaders(link, log),
    pool: new FoldPool(),
    policy,
    paces: new SnapshotPaces(),
    leases,
    learners: new LearnerSet(log, learn.memoryBytes, observer),
    compactor: new LogCompactor({ ...options, limits: { ...training, fenceMs }, tell: observer.log }),
    opening: new Limited(OPEN_CONCURRENCY),
  });
}
