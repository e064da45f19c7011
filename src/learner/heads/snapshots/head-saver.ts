import type { FoldPool, SnapshotResult, StateWish } from '../../fold/fold-pool.js';
import type { LearningObserver } from '../../learning.js';
import type { NatsLink } from '../../nats/connection/connection.js';
import { isUnavailable } from '../../nats/connection/errors.js';
import type { HeadStore } from '../../nats/stores/head-store.js';
import type { SnapshotStore } from '../../nats/stores/snapshot-store.js';
import type { SnapshotPolicy } from '../../options.js';
import type { HeadDefinition, HeadVersion } from '../../types.js';
import type { HeadLeases } from '../leases/head-leases.js';
import type { HeadRegistry } from '../registry/head-registry.js';
import type { LogCompactor } from '../upkeep/compaction.js';
import type { RestoredFold } from './restore-fold.js';
import { type FoldProgress, type SnapshotPaces, SnapshotSchedule } from './snapshot-schedule.js';
import { isOvertaken, SnapshotWriter } from './snapshot-writer.js';

export interface HeadSaverOptions {
  readonly link: NatsLink;
  readonly definition: HeadDefinition;
  readonly store: HeadStore;
  readonly snapshots: SnapshotStore;
  readonly pool: FoldPool;
  readonly registry: HeadRegistry;
  readonly observer: LearningObserver;
  readonly policy: SnapshotPolicy;
  readonly paces: SnapshotPaces;
  readonly leases: Pick<HeadLeases, 'certain'>;
  /** Of the lease under which the head is taught. */
  readonly epoch: number;
  readonly compactor: LogCompactor;
}

/** Whoever waits for entries is not kept waiting for them when a snapshot is due, but not woken more often than this either. */
const MIN_WAIT_MS = 20;
/** While a snapshot is being stored, whose end ends the wait. */
const SAVING_WAIT_MS = 5_000;
/** Nothing can be stored now: NATS is away, or the lease is not certain. */
const BLOCKED_WAIT_MS = 1_000;
/** After a snapshot that the store refused: the next attempt, and each time twice as long, up to the second. */
const RETRY_MS = 2_000;
const LONGEST_RETRY_MS = 300_000;

/** The snapshot was made, and could not be stored. */
class NotStored extends Error {
  override readonly name = 'NotStored';
  constructor(readonly reason: Error) {
    super(reason.message, { cause: reason });
  }
}

/** Stores what one head has learned: versions often, the learners' state with some of them. Learning goes on meanwhile; one is stored at a time. */
export class HeadSaver {
  private readonly schedule: SnapshotSchedule;
  private readonly writer: SnapshotWriter;
  private saving: Promise<void> | undefined;
  /** The fold must be opened anew: another process wrote, or the fold itself is broken. */
  private failed: Error | undefined;
  /** What the store refuses is tried again, while learning goes on: the fold is worth more than its snapshot. */
  private refused: { readonly problem: string; readonly waitMs: number; readonly untilMs: number } | undefined;
  /** The newest version's weights can't be read: they are stored anew with the next version. */
  private storeAnew = false;
  /** A version that is damaged, and that is kept as long as it is pinned: no reason to store another one. */
  private keptDamaged: number | undefined;
  /** Aborted when it ends. */
  private readonly ended = new AbortController();

  /** @param wake ends the wait that `waitMs` asked for: something has changed */
  constructor(
    private readonly options: HeadSaverOptions,
    private readonly wake: () => void,
  ) {
    this.schedule = new SnapshotSchedule(options.policy, options.paces);
    this.writer = new SnapshotWriter({ ...options, rules: options.policy });
  }

  /**
   * Waits for what is being stored, then takes over the pointer.
   * @returns the head's versions, newest first
   * @throws LearnerError head_unavailable when the pointer belongs to a later lease.
   */
  async open(streamCreated: string): Promise<readonly HeadVersion[]> {
    await this.saving;
    this.failed = undefined;
    return this.writer.open(streamCreated);
  }

  /** Why nothing was stored at the last attempt; undefined: it was. */
  get problem(): string | undefined {
    return this.refused?.problem;
  }

  /** The fold goes on from here. */
  opened({ sequence, good }: RestoredFold): void {
    const { definition, registry } = this.options;
    const newest = this.writer.versions[0];
    const version = { sequence: newest?.position.sequence ?? 0, samples: newest?.samples ?? 0 };
    this.schedule.opened(version, { sequence, isDue: !good }, performance.now());
    const damaged = registry.view(definition.name)?.damaged?.value;
    if (damaged?.generation === definition.generation) this.damaged(damaged.version);
  }

  /** A version is due at once. */
  force(): void {
    this.schedule.force();
  }

  /** Who serves can't read a version's weights. */
  damaged(version: number): void {
    if (version === this.keptDamaged) return;
    if (version === this.writer.versions[0]?.version) this.storeAnew = true;
    this.schedule.force();
    this.wake();
  }

  /** How long to wait for entries before `saveWhenDue` is called again; undefined: as long as none come. @throws why the last snapshot was not stored. */
  waitMs(progress: FoldProgress): number | undefined {
    if (this.failed) throw this.failed;
    if (this.saving) return SAVING_WAIT_MS;
    const dueInMs = this.schedule.dueInMs(progress, performance.now());
    if (dueInMs === undefined) return undefined;
    const refusedForMs = (this.refused?.untilMs ?? 0) - performance.now();
    return Math.max(this.mayWrite() ? MIN_WAIT_MS : BLOCKED_WAIT_MS, dueInMs, refusedForMs);
  }

  saveWhenDue(progress: FoldProgress): void {
    if (this.saving || !this.mayWrite()) return;
    if (this.refused && performance.now() < this.refused.untilMs) return;
    const due = this.schedule.due(progress, performance.now());
    if (due === 'nothing') return;
    this.saving = this.save(due === 'state' ? 'if-settled' : 'no')
      .catch((error: Error) => this.notSaved(error))
      .finally(() => {
        this.saving = undefined;
        this.wake();
      });
  }

  /** Ends, after a last snapshot with the learners' state if that is wanted and something is new. */
  async end(last: FoldProgress | undefined): Promise<void> {
    this.ended.abort();
    await this.saving;
    if (last === undefined || last.sequence <= this.schedule.stateSequence || !this.mayWrite()) return;
    await this.save('settled').catch((error: Error) => {
      const { observer, link, definition } = this.options;
      if (!link.connected || isUnavailable(error)) return;
      const text = `head '${definition.name}': its last snapshot was not stored: ${error.message}`;
      observer.log('warn', text, { event: 'snapshot_not_stored', head: definition.name });
    });
  }

  private notSaved(error: Error): void {
    const { link, definition, observer } = this.options;
    this.schedule.failed(performance.now());
    // NATS is away: the next attempt will do.
    if (!link.connected || isUnavailable(error)) return;
    if (!(error instanceof NotStored) || isOvertaken(error.reason)) {
      this.failed = error instanceof NotStored ? error.reason : error;
      return;
    }
    const problem = `its versions can't be stored: ${error.message}`;
    const rule = 'it goes on learning, and tries again in 2 s to 5 min';
    if (this.refused === undefined) {
      const fields = { event: 'snapshot_not_stored', head: definition.name };
      observer.log('error', `head '${definition.name}': ${problem}; ${rule}`, fields);
    }
    const waitMs = this.refused ? Math.min(2 * this.refused.waitMs, LONGEST_RETRY_MS) : RETRY_MS;
    this.refused = { problem, waitMs, untilMs: performance.now() + waitMs };
  }

  private async save(state: StateWish): Promise<void> {
    const { definition, pool } = this.options;
    const snapshot = await pool.snapshot(definition.name, { state });
    await this.store(snapshot).catch((error: Error) => {
      throw isUnavailable(error) ? error : new NotStored(error);
    });
    if (this.refused) {
      const fields = { event: 'snapshots_stored_again', head: definition.name };
      this.options.observer.log('info', `head '${definition.name}': its versions are stored again`, fields);
      this.refused = undefined;
    }
    if (snapshot.state) this.compact();
  }

  private async store(snapshot: SnapshotResult): Promise<void> {
    const anew = this.storeAnew;
    const { sequence, statistics } = snapshot;
    if (snapshot.state !== null || anew || sequence > this.schedule.versionSequence) {
      const startMs = Date.now();
      await this.writer.write(snapshot, anew);
      this.traceStored(sequence, startMs);
    }
    this.schedule.stored({ sequence, samples: statistics.samples }, snapshot.state?.length, performance.now());
    if (anew) this.storeAnew = false;
    await this.settleDamage();
  }

  private traceStored(sequence: number, startMs: number): void {
    const { observer, definition } = this.options;
    const version = this.writer.versions[0]?.version ?? 0;
    observer.tracer?.stored(definition.name, version, sequence, startMs, Date.now());
  }

  /** What was told to be damaged is stored anew by now, or is no version any more. */
  private async settleDamage(): Promise<void> {
    const { definition, store, registry, observer } = this.options;
    const { name, generation } = definition;
    const damaged = registry.view(name)?.damaged?.value;
    if (damaged === undefined) return;
    const [newest, ...older] = this.writer.versions;
    const isThat = (each: HeadVersion | undefined) =>
      each?.version === damaged.version &&
      each.modelDigest === damaged.modelDigest &&
      damaged.generation === generation;
    const givenUp = older.some(isThat);
    // While it is pinned it stays, and so does the note that it can't be read.
    this.keptDamaged = givenUp && !(await this.writer.drop(damaged.version)) ? damaged.version : undefined;
    if (this.keptDamaged !== undefined) return;
    const revision = await store.remove(name, 'damaged');
    registry.take({ head: name, key: 'damaged', stored: undefined, revision });
    const what = isThat(newest) ? 'are stored anew' : 'are given up: newer ones serve';
    if (givenUp || isThat(newest)) {
      observer.log('warn', `head '${name}': the damaged weights of version ${damaged.version} ${what}`);
    }
  }

  /** Nobody waits for it: it may write many ids. */
  private compact(): void {
    const { definition, compactor, observer, link } = this.options;
    const versions = () => this.writer.versions;
    const { signal } = this.ended;
    compactor
      .compact({ definition, versions, mayGoOn: () => this.mayWrite() && !signal.aborted, signal })
      .catch((error) => {
        if (!link.connected || isUnavailable(error) || signal.aborted) return;
        observer.log('warn', `head '${definition.name}': its log is not compacted: ${(error as Error).message}`);
      });
  }

  private mayWrite(): boolean {
    const { link, leases, definition } = this.options;
    return link.connected && leases.certain(definition.name);
  }
}
