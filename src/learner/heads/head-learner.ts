import { setTimeout as delay } from 'node:timers/promises';
import type { JsMsg } from 'nats';
import type { FoldPool } from '../fold/fold-pool.js';
import type { LearningObserver } from '../learning.js';
import { subjects } from '../names.js';
import type { NatsLink } from '../nats/connection.js';
import { isUnavailable } from '../nats/errors.js';
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
  /** The newest so many versions stay servable... */
  readonly keep: number;
  /** ... and of the older ones, as long as they are not older than this, fewer and fewer: about one for each doubling of the age. */
  readonly keepForMs: number;
  /** The learners' state is stored with a version so long after the last one that was, at least; larger states less often. */
  readonly stateEveryMs: number;
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
/** A snapshot that is due waits for the one being stored. */
const MIN_WAIT_MS = 20;

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
  /** Sequence of the last entry that was counted as trained: it never goes back. */
  private counted = 0;
  /** Entries that were in the log beyond those read, when the last was read. */
  private pending = 0;
  private snapshotSequence = 0;
  private snapshotSamples = 0;
  private snapshotAtMs = 0;
  private saving: Promise<void> = Promise.resolve();
  private isSaving = false;
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
    // How much has been logged meanwhile is not known while NATS is away.
    const lag = this.options.link.connected ? this.pending + (this.follower?.depth ?? 0) : undefined;
    return statistics && { statistics, lag, problem };
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
    const follower = this.follower as StreamFollower;
    while (!this.stopped) {
      const messages = await this.nextEntries(follower);
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
    const { definition, pool, observer } = this.options;
    const entries = messages.map(({ data, seq }) => ({ bytes: data.slice(), sequence: seq }));
    this.pending = last.info.pending + messages.length;
    const result = await pool.fold(definition.name, entries);
    this.statistics = result.statistics;
    this.folded = last.seq;
    this.pending = last.info.pending;
    if (!count) return;
    this.counted = last.seq;
    for (let i = 0; i < result.folded; i++) observer.labelResult(definition.name, 'trained');
    for (const [reason, skipped] of Object.entries(result.skipped)) this.tellSkipped(reason, skipped);
  }

  /** The log holds them, the head can't learn them: its classes were used up by labels that came at the same moment, say. */
  private tellSkipped(reason: string, skipped: number): void {
    const { definition, observer } = this.options;
    for (let i = 0; i < skipped; i++) observer.labelResult(definition.name, 'invalid');
    observer.log('warn', `head '${definition.name}': ${skipped} sample(s) of the log can't be learned: ${reason}`);
  }

  /** Waits for entries; with something unsaved, no longer than until the snapshot is due. */
  private async nextEntries(follower: StreamFollower): Promise<JsMsg[]> {
    if (this.folded === this.snapshotSequence) return follower.next(BATCH);
    const dueInMs = this.snapshotAtMs + this.options.policy.everyMs - Date.now();
    return follower.next(BATCH, Math.max(MIN_WAIT_MS, dueInMs));
  }

  /** Folding goes on while a snapshot is stored; one is stored at a time. */
  private saveWhenDue(): void {
    const { everySamples, everyMs } = this.options.policy;
    const samples = (this.statistics?.samples ?? 0) - this.snapshotSamples;
    const due = samples >= everySamples || Date.now() >= this.snapshotAtMs + everyMs;
    if (this.isSaving || this.folded === this.snapshotSequence || !due) return;
    this.isSaving = true;
    this.saving = this.save()
      .catch((error: Error) => {
        // NATS is away: the next attempt will do.
        if (this.options.link.connected && !isUnavailable(error)) this.savingFailed = error;
      })
      .finally(() => {
        this.isSaving = false;
        this.snapshotAtMs = Date.now();
      });
  }

  private async save(): Promise<void> {
    const snapshot = await this.options.pool.snapshot(this.options.definition.name);
    if (snapshot.sequence <= this.snapshotSequence) return;
    await this.writer.write(snapshot);
    this.snapshotSequence = snapshot.sequence;
    this.snapshotSamples = snapshot.statistics.samples;
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
