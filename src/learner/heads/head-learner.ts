import { setTimeout as delay } from 'node:timers/promises';
import type { FoldPool } from '../fold/fold-pool.js';
import type { LearningObserver } from '../learning.js';
import { subjects } from '../names.js';
import type { NatsLink } from '../nats/connection.js';
import type { HeadStore } from '../nats/head-store.js';
import type { SnapshotStore } from '../nats/snapshot-store.js';
import { StreamFollower } from '../nats/stream-follower.js';
import { TRAINING_STREAM } from '../nats/streams.js';
import type { TrainingLog } from '../nats/training-log.js';
import { type HeadDefinition, type HeadStatistics, type HeadVersion, LearnerError } from '../types.js';
import type { HeadRegistry } from './head-registry.js';
import type { LiveHead } from './head-view.js';
import { SnapshotWriter } from './snapshot-writer.js';

export interface SnapshotPolicy {
  /** A snapshot is due after so many samples... */
  readonly everySamples: number;
  /** ... or so long after the last one, if anything was learned since. */
  readonly everyMs: number;
  /** Versions that stay servable. */
  readonly keep: number;
}

export interface HeadLearnerOptions {
  readonly link: NatsLink;
  readonly definition: HeadDefinition;
  readonly store: HeadStore;
  readonly snapshots: SnapshotStore;
  readonly log: TrainingLog;
  readonly pool: FoldPool;
  readonly registry: HeadRegistry;
  readonly observer: LearningObserver;
  readonly policy: SnapshotPolicy;
}

/** Entries that one message to the worker thread carries at most, and that wait here. */
const BATCH = 256;
const BUFFER = 1_024;
const TROUBLE_RETRY_MS = 2_000;

/**
 * Teaches one head: loads its newest snapshot, folds its training log from there on in the worker thread, and writes new
 * snapshots. Whatever goes wrong, it begins again from the newest good snapshot: the fold is deterministic, so nothing is lost.
 */
export class HeadLearner {
  private follower: StreamFollower | undefined;
  private statistics: HeadStatistics | undefined;
  private problem: string | undefined;
  /** Sequence of the last entry folded. */
  private folded = 0;
  /** Entries that were in the log beyond those read, when the last was read. */
  private pending = 0;
  private snapshotSequence = 0;
  private snapshotSamples = 0;
  private snapshotAtMs = 0;
  private saving: Promise<void> = Promise.resolve();
  private savingFailed: Error | undefined;
  private stopped = false;
  private readonly abort = new AbortController();
  private readonly writer: SnapshotWriter;
  private readonly running: Promise<void>;

  constructor(private readonly options: HeadLearnerOptions) {
    this.writer = new SnapshotWriter({ ...options, keep: options.policy.keep });
    this.running = this.run();
  }

  get live(): LiveHead | undefined {
    const { statistics, problem } = this;
    return statistics && { statistics, lag: this.pending + (this.follower?.depth ?? 0), problem };
  }

  /** Writes a last snapshot (unless the head was deleted) and ends. */
  async stop(saveLast: boolean): Promise<void> {
    this.stopped = true;
    this.abort.abort();
    await this.follower?.stop();
    await this.running;
    // It may have begun to follow while it was being stopped.
    await this.follower?.stop();
    await this.saving;
    const unsaved = this.statistics !== undefined && this.folded > this.snapshotSequence && this.problem === undefined;
    if (saveLast && unsaved && this.options.link.connected) {
      await this.save().catch((error: Error) => this.trouble(error));
    }
    if (this.statistics) await this.options.pool.close(this.options.definition.name).catch(() => {});
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      try {
        await this.open();
        this.problem = undefined;
        await this.fold();
      } catch (error) {
        this.trouble(error as Error);
        await this.follower?.stop();
        await this.pause(TROUBLE_RETRY_MS);
      }
    }
  }

  private trouble(error: Error): void {
    const { observer, link, definition } = this.options;
    // A lost connection is told once, by the connection.
    if (!link.connected || this.stopped) return;
    const problem = `learning stopped: ${error.message}`;
    if (problem !== this.problem) observer.log('error', `head '${definition.name}': ${problem}`);
    this.problem = problem;
  }

  /** Restores the newest good snapshot and follows the log from its position on. */
  private async open(): Promise<void> {
    const { definition, log, pool, link, observer } = this.options;
    await this.saving;
    this.savingFailed = undefined;
    const { created, lastSequence } = await log.state();
    const versions = await this.writer.open(created);
    for (const { position } of versions.slice(0, 1)) checkPosition(definition, position, created, lastSequence);
    await pool.close(definition.name).catch(() => {});
    const restored = await this.restore(versions);
    this.folded = restored?.position.sequence ?? 0;
    this.snapshotSequence = this.folded;
    this.snapshotSamples = restored?.samples ?? 0;
    this.snapshotAtMs = Date.now();
    this.pending = 0;
    this.follower = new StreamFollower(link, {
      stream: TRAINING_STREAM,
      filter: subjects.trainingOfHead(definition.name, definition.generation),
      after: this.folded,
      buffer: BUFFER,
      onTrouble: (problem) => observer.log('warn', `head '${definition.name}': ${problem}`),
    });
  }

  /** Opens the fold from the newest version whose state is readable, else from nothing: replaying the log gives the same. */
  private async restore(versions: readonly HeadVersion[]): Promise<HeadVersion | undefined> {
    const { definition, snapshots, pool, observer } = this.options;
    for (const version of versions) {
      try {
        const state = await snapshots.get(definition, 'state', version.stateDigest);
        const opened = await pool.open(definition, state);
        this.statistics = opened.statistics;
        return version;
      } catch (error) {
        if (!(error instanceof LearnerError) || error.code !== 'snapshot_corrupt') throw error;
        observer.log(
          'error',
          `head '${definition.name}': the snapshot of version ${version.version} is damaged: ${error.message}; going back further`,
        );
      }
    }
    this.statistics = (await pool.open(definition, null)).statistics;
    return undefined;
  }

  private async fold(): Promise<void> {
    const { definition, pool, observer } = this.options;
    const follower = this.follower as StreamFollower;
    while (!this.stopped) {
      const messages = await this.nextEntries(follower);
      if (this.savingFailed) throw this.savingFailed;
      const last = messages.at(-1);
      if (last !== undefined) {
        const entries = messages.map(({ data, seq }) => ({ bytes: data.slice(), sequence: seq }));
        this.pending = last.info.pending + messages.length;
        const result = await pool.fold(definition.name, entries);
        this.statistics = result.statistics;
        this.folded = last.seq;
        this.pending = last.info.pending;
        for (let i = 0; i < result.folded; i++) observer.labelResult(definition.name, 'trained');
      }
      this.saveWhenDue();
    }
  }

  /** Waits for entries; with something unsaved, no longer than until the snapshot is due. */
  private async nextEntries(follower: StreamFollower) {
    if (this.folded === this.snapshotSequence) return follower.next(BATCH);
    const dueInMs = this.snapshotAtMs + this.options.policy.everyMs - Date.now();
    return follower.next(BATCH, Math.max(1, dueInMs));
  }

  private saveWhenDue(): void {
    const { everySamples, everyMs } = this.options.policy;
    const samples = (this.statistics?.samples ?? 0) - this.snapshotSamples;
    const due = samples >= everySamples || Date.now() >= this.snapshotAtMs + everyMs;
    if (this.folded === this.snapshotSequence || !due) return;
    this.snapshotAtMs = Date.now();
    // Folding goes on while the snapshot is stored; one is stored at a time.
    this.saving = this.saving
      .then(() => (this.savingFailed ? undefined : this.save()))
      .catch((error: Error) => {
        this.savingFailed = error;
      });
  }

  private async save(): Promise<void> {
    const snapshot = await this.options.pool.snapshot(this.options.definition.name);
    if (snapshot.sequence <= this.snapshotSequence) return;
    this.snapshotSequence = snapshot.sequence;
    this.snapshotSamples = snapshot.statistics.samples;
    await this.writer.write(snapshot);
  }

  private async pause(ms: number): Promise<void> {
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
