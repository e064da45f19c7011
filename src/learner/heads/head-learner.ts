import { setTimeout as delay } from 'node:timers/promises';
import type { JsMsg } from 'nats';
import type { FoldPool, StateWish, StoredEntry } from '../fold/fold-pool.js';
import { attachmentOf } from '../fold/log-entry.js';
import type { LearningObserver } from '../learning.js';
import type { NatsLink } from '../nats/connection.js';
import { isUnavailable } from '../nats/errors.js';
import type { HeadStore } from '../nats/head-store.js';
import type { LogReader } from '../nats/log-reader.js';
import type { LogReaders } from '../nats/log-readers.js';
import type { SnapshotStore } from '../nats/snapshot-store.js';
import type { TrainingLog } from '../nats/training-log.js';
import { type HeadDefinition, type HeadStatistics, type HeadVersion, LearnerError } from '../types.js';
import type { LogCompactor } from './compaction.js';
import { reportFold } from './fold-report.js';
import type { HeadLeases } from './head-leases.js';
import type { HeadRegistry } from './head-registry.js';
import type { LiveHead } from './head-view.js';
import type { LearnerSet } from './learner-set.js';
import type { Limited } from './limited.js';
import { restoreFold } from './restore-fold.js';
import { type FoldProgress, type SnapshotPaces, type SnapshotPolicy, SnapshotSchedule } from './snapshot-schedule.js';
import { SnapshotWriter } from './snapshot-writer.js';

export interface HeadLearnerOptions {
  readonly link: NatsLink;
  readonly definition: HeadDefinition;
  readonly store: HeadStore;
  readonly snapshots: SnapshotStore;
  readonly log: TrainingLog;
  readonly readers: LogReaders;
  readonly pool: FoldPool;
  readonly registry: HeadRegistry;
  readonly observer: LearningObserver;
  readonly policy: SnapshotPolicy;
  readonly paces: SnapshotPaces;
  readonly leases: Pick<HeadLeases, 'certain' | 'doubt'>;
  /** Of the lease under which the head is taught. */
  readonly epoch: number;
  readonly learners: LearnerSet;
  readonly compactor: LogCompactor;
  /** Heads that are opened at the same time. */
  readonly opening: Limited;
}

/** Entries that one message to the worker thread carries at most. */
const BATCH = 256;
const TROUBLE_RETRY_MS = 2_000;
/** A snapshot that is due waits for the one being stored. */
const MIN_WAIT_MS = 20;

/**
 * Teaches one head: loads its newest snapshot, folds its training log from there on in the worker thread, and writes new snapshots. Whatever goes
 * wrong, it begins again from the newest good snapshot: the fold is deterministic, so nothing is lost. It ends when its lease does.
 */
export class HeadLearner {
  private reader: LogReader | undefined;
  private statistics: HeadStatistics | undefined;
  private problem: string | undefined;
  /** The problem that was logged last: it is logged once, however often it comes back before anything is folded again. */
  private told: string | undefined;
  private waits = { count: 0, seconds: 0 };
  /** Sequence of the last entry folded. */
  private folded = 0;
  /** Sequence of the last entry that was counted as trained: it never goes back. */
  private counted = 0;
  private saving: Promise<void> = Promise.resolve();
  private isSaving = false;
  private savingFailed: Error | undefined;
  /** The newest version's weights can't be read: they are stored anew with the next version. */
  private storeAnew = false;
  private stopped = false;
  private readonly abort = new AbortController();
  private readonly schedule: SnapshotSchedule;
  private readonly writer: SnapshotWriter;
  private readonly running: Promise<void>;

  constructor(private readonly options: HeadLearnerOptions) {
    this.schedule = new SnapshotSchedule(options.policy, options.paces);
    this.writer = new SnapshotWriter({ ...options, rules: options.policy });
    this.running = this.run();
  }

  get live(): LiveHead | undefined {
    const { statistics, problem, waits } = this;
    // How much has been logged meanwhile is not known while NATS is away.
    const lag = this.options.link.connected ? this.reader?.pending : undefined;
    return statistics && { statistics, lag, problem, waits };
  }

  /** Who serves can't read a version's weights. */
  damaged(version: number): void {
    if (this.stopped || this.statistics === undefined) return;
    if (version === this.writer.versions[0]?.version) this.storeAnew = true;
    this.schedule.force();
    this.reader?.wake();
  }

  /** Writes a last snapshot with the learners' state (unless the head was deleted, or the lease is lost) and ends. */
  async stop(saveLast: boolean): Promise<void> {
    this.stopped = true;
    this.abort.abort();
    await this.reader?.stop();
    await this.running;
    // It may have begun to follow while it was being stopped.
    await this.reader?.stop();
    await this.saving;
    const unsaved = this.progress.sequence > this.schedule.stateSequence;
    if (saveLast && unsaved && this.problem === undefined && this.mayWrite()) {
      await this.save('settled').catch((error: Error) => this.tellUnsaved(error));
    }
    this.options.learners.closed(this.options.definition);
    if (this.statistics) await this.options.pool.close(this.options.definition.name).catch(() => {});
  }

  /** How far it has come, as far as it is worth a version: one that answers nothing is none. */
  private get progress(): FoldProgress {
    const { samples = 0, candidates = [] } = this.statistics ?? {};
    const answers = samples > 0 || candidates.some(({ name }) => name === 'imported');
    const stateBytes = candidates.reduce((sum, { bytes }) => sum + bytes, 0);
    return { sequence: answers ? this.folded : 0, samples, stateBytes };
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      try {
        await this.options.opening.run(() => this.open());
        this.problem = undefined;
        await this.fold();
      } catch (error) {
        await this.reader?.stop();
        await this.trouble(error as Error);
        await this.pause(TROUBLE_RETRY_MS);
      }
    }
  }

  private async trouble(error: Error): Promise<void> {
    const { observer, link, leases, definition } = this.options;
    // Somebody else may teach the head by now: then this learner is stopped, and that is no trouble.
    if (link.connected && !this.stopped) await leases.doubt(definition.name).catch(() => {});
    // A lost connection is told once, by the connection.
    if (!link.connected || this.stopped) return;
    const problem = `learning stopped: ${error.message}`;
    if (problem !== this.told) observer.log('error', `head '${definition.name}': ${problem}`);
    this.told = problem;
    this.problem = problem;
  }

  private tellUnsaved(error: Error): void {
    const { observer, link, definition } = this.options;
    if (!link.connected || isUnavailable(error)) return;
    observer.log('warn', `head '${definition.name}': its last snapshot was not stored: ${error.message}`);
  }

  /** Restores the newest good snapshot and follows the log from its position on. */
  private async open(): Promise<void> {
    if (this.stopped) return;
    const { definition, log, pool, readers, observer, learners, registry } = this.options;
    await this.saving;
    this.savingFailed = undefined;
    const { created, lastSequence } = await log.state();
    const versions = await this.writer.open(created);
    for (const { position } of versions.slice(0, 1)) checkPosition(definition, position, created, lastSequence);
    await pool.close(definition.name).catch(() => {});
    const restored = await restoreFold(this.options, versions);
    this.statistics = restored.statistics;
    this.folded = restored.sequence;
    const newest = versions[0];
    const version = { sequence: newest?.position.sequence ?? 0, samples: newest?.samples ?? 0 };
    this.counted = Math.max(this.counted, version.sequence);
    this.schedule.opened(version, { sequence: restored.sequence, isDue: !restored.good }, performance.now());
    const { damaged } = registry.view(definition.name) ?? {};
    if (damaged?.value.generation === definition.generation) this.damaged(damaged.value.version);
    await learners.opened(definition, restored.statistics, newest === undefined && restored.sequence === 0);
    this.reader = readers.open(definition, this.folded, (problem) =>
      observer.log('warn', `head '${definition.name}': ${problem}`),
    );
    if (this.stopped) await this.reader.stop();
  }

  private async fold(): Promise<void> {
    const reader = this.reader as LogReader;
    while (!this.stopped) {
      const messages = await this.nextEntries(reader);
      if (this.savingFailed) throw this.savingFailed;
      // Entries that this process has folded before (it went back to a snapshot) are not counted again.
      await this.foldEntries(
        messages.filter(({ seq }) => seq <= this.counted),
        false,
      );
      await this.foldEntries(
        messages.filter(({ seq }) => seq > this.counted),
        true,
      );
      this.saveWhenDue();
    }
  }

  private async foldEntries(messages: readonly JsMsg[], count: boolean): Promise<void> {
    const last = messages.at(-1);
    if (last === undefined) return;
    const { definition, pool, observer, learners } = this.options;
    const entries = await Promise.all(messages.map((message) => this.entryOf(message)));
    const result = await pool.fold(definition.name, entries);
    this.statistics = result.statistics;
    this.folded = last.seq;
    this.told = undefined;
    this.waits = { count: this.waits.count + result.waits.count, seconds: this.waits.seconds + result.waits.seconds };
    if (result.promotions.length > 0) this.schedule.force();
    if (!count) return;
    this.counted = last.seq;
    reportFold(definition.name, result, observer);
    learners.folded(definition, result.statistics);
  }

  private async entryOf({ data, seq }: JsMsg): Promise<StoredEntry> {
    const { definition, snapshots } = this.options;
    const digest = attachmentOf(data);
    // The bytes go to the thread: what is kept here is a copy.
    const attachment = digest === undefined ? undefined : (await snapshots.get(definition, 'model', digest)).slice();
    return { bytes: data.slice(), sequence: seq, attachment };
  }

  /** Waits for entries; no longer than until a snapshot is due. */
  private nextEntries(reader: LogReader): Promise<JsMsg[]> {
    const dueInMs = this.schedule.dueInMs(this.progress, performance.now());
    return reader.next(BATCH, dueInMs === undefined ? undefined : Math.max(MIN_WAIT_MS, dueInMs));
  }

  /** Folding goes on while a snapshot is stored; one is stored at a time. */
  private saveWhenDue(): void {
    if (this.isSaving || !this.mayWrite()) return;
    const due = this.schedule.due(this.progress, performance.now());
    if (due === 'nothing') return;
    this.isSaving = true;
    this.saving = this.save(due === 'state' ? 'if-settled' : 'no')
      .catch((error: Error) => {
        this.schedule.failed(performance.now());
        // NATS is away: the next attempt will do.
        if (this.options.link.connected && !isUnavailable(error)) this.savingFailed = error;
      })
      .finally(() => {
        this.isSaving = false;
      });
  }

  private async save(state: StateWish): Promise<void> {
    const { definition, pool } = this.options;
    const snapshot = await pool.snapshot(definition.name, { state });
    const anew = this.storeAnew;
    const { sequence, statistics } = snapshot;
    if (snapshot.state !== null || anew || sequence > this.schedule.versionSequence) {
      await this.writer.write(snapshot, anew);
    }
    this.schedule.stored({ sequence, samples: statistics.samples }, snapshot.state?.length, performance.now());
    if (anew) this.storeAnew = false;
    await this.settleDamage();
    if (snapshot.state) this.compact();
  }

  /** What was told to be damaged is stored anew by now, or is no version any more. */
  private async settleDamage(): Promise<void> {
    const { definition, store, registry, observer } = this.options;
    const { name, generation } = definition;
    const damaged = registry.view(name)?.damaged?.value;
    if (damaged === undefined) return;
    const version = this.writer.versions.find((each) => each.version === damaged.version);
    const stands = damaged.generation === generation && version?.modelDigest === damaged.modelDigest;
    const isNewest = version === this.writer.versions[0];
    if (stands && !isNewest) await this.writer.drop(damaged.version);
    const revision = await store.remove(name, 'damaged');
    registry.take({ head: name, key: 'damaged', stored: undefined, revision });
    const what = stands && !isNewest ? 'are given up, and' : 'are stored anew, or';
    observer.log('warn', `head '${name}': the damaged weights of version ${damaged.version} ${what} newer ones serve`);
  }

  /** Nobody waits for it: it may write many ids. */
  private compact(): void {
    const { definition, compactor, observer, link } = this.options;
    const versions = () => this.writer.versions;
    compactor.compact({ definition, versions, mayGoOn: () => this.mayWrite() && !this.stopped }).catch((error) => {
      if (!link.connected || isUnavailable(error) || this.stopped) return;
      observer.log('warn', `head '${definition.name}': its log is not compacted: ${(error as Error).message}`);
    });
  }

  private mayWrite(): boolean {
    const { link, leases, definition } = this.options;
    return link.connected && leases.certain(definition.name);
  }

  private async pause(ms: number): Promise<void> {
    if (this.stopped) return;
    await delay(ms, undefined, { signal: this.abort.signal }).catch(() => {});
  }
}

/** A position on another stream would make the head learn from the wrong place. */
function checkPosition(
  definition: HeadDefinition,
  position: HeadVersion['position'],
  created: string,
  lastSequence: number,
): void {
  const { streamCreated, sequence } = position;
  if (streamCreated === created && sequence <= lastSequence) return;
  const found = streamCreated === created ? `ends at ${lastSequence}` : `was made at ${created}`;
  throw new LearnerError(
    'log_mismatch',
    `the newest snapshot of head '${definition.name}' stands at position ${sequence} of a training log made at ${streamCreated}, ` +
      `but the log here ${found}: restore the log that belongs to it, or delete the head and create it again`,
  );
}
