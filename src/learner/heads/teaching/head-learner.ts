import { setTimeout as delay } from 'node:timers/promises';
import type { JsMsg } from 'nats';
import type { StoredEntry } from '../../fold/fold-pool.js';
import { attachmentOf } from '../../fold/log-entry.js';
import type { LogReader } from '../../nats/log/log-reader.js';
import type { LogReaders } from '../../nats/log/log-readers.js';
import type { TrainingLog } from '../../nats/log/training-log.js';
import type { Limited } from '../../tasks/limited.js';
import type { TracedSample } from '../../tracing.js';
import { type HeadDefinition, type HeadStatistics, type HeadVersion, LearnerError } from '../../types.js';
import type { HeadLeases } from '../leases/head-leases.js';
import type { LiveHead } from '../registry/head-view.js';
import { HeadSaver, type HeadSaverOptions } from '../snapshots/head-saver.js';
import { restoreFold } from '../snapshots/restore-fold.js';
import type { FoldProgress } from '../snapshots/snapshot-schedule.js';
import { reportFold } from './fold-report.js';
import type { LearnerSet } from './learner-set.js';

export interface HeadLearnerOptions extends HeadSaverOptions {
  readonly log: TrainingLog;
  readonly readers: LogReaders;
  readonly leases: Pick<HeadLeases, 'certain' | 'doubt'>;
  readonly learners: LearnerSet;
  /** Heads that are opened at the same time. */
  readonly opening: Limited;
}

/** Entries that one message to the worker thread carries at most. */
const BATCH = 256;
const TROUBLE_RETRY_MS = 2_000;

/**
 * Teaches one head: loads its newest snapshot, folds its training log from there on in the worker thread, and has new snapshots written. Whatever goes
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
  private stopped = false;
  private readonly abort = new AbortController();
  private readonly saver: HeadSaver;
  private readonly running: Promise<void>;

  constructor(private readonly options: HeadLearnerOptions) {
    this.saver = new HeadSaver(options, () => this.reader?.wake());
    this.running = this.run();
  }

  get live(): LiveHead | undefined {
    const { statistics, waits } = this;
    const problem = this.problem ?? this.saver.problem;
    // How much has been logged meanwhile is not known while NATS is away.
    const lag = this.options.link.connected ? this.reader?.pending : undefined;
    return statistics && { statistics, sequence: this.folded, lag, problem, waits };
  }

  /** Who serves can't read a version's weights. */
  damaged(version: number): void {
    if (this.statistics) this.saver.damaged(version);
  }

  /** Writes a last snapshot with the learners' state (unless the head was deleted, or the lease is lost) and ends. */
  async stop(saveLast: boolean): Promise<void> {
    const { learners, definition, pool } = this.options;
    this.stopped = true;
    this.abort.abort();
    await this.reader?.stop();
    await this.running;
    // It may have begun to follow while it was being stopped.
    await this.reader?.stop();
    await this.saver.end(saveLast && this.problem === undefined ? this.progress : undefined);
    learners.closed(definition);
    if (this.statistics) await pool.close(definition.name).catch(() => {});
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
    if (problem !== this.told) {
      const fields = { event: 'learning_stopped_by_error', head: definition.name };
      observer.log('error', `head '${definition.name}': ${problem}`, fields);
    }
    this.told = problem;
    this.problem = problem;
  }

  /** Restores the newest good snapshot and follows the log from its position on. */
  private async open(): Promise<void> {
    if (this.stopped) return;
    const { definition, log, pool, readers, observer, learners } = this.options;
    const { created, lastSequence } = await log.state();
    const versions = await this.saver.open(created);
    const newest = versions[0];
    if (newest) checkPosition(definition, newest.position, created, lastSequence);
    await pool.close(definition.name).catch(() => {});
    const restored = await restoreFold(this.options, versions);
    this.statistics = restored.statistics;
    this.folded = restored.sequence;
    // What the newest version has learned was counted by whoever made it.
    this.counted = Math.max(this.counted, newest?.position.sequence ?? 0);
    this.saver.opened(restored);
    const isNew = newest === undefined && restored.sequence === 0;
    await learners.opened(definition, restored.statistics, isNew, restored.isCut);
    this.reader = readers.open(definition, this.folded, (problem) =>
      observer.log('warn', `head '${definition.name}': ${problem}`),
    );
    if (this.stopped) await this.reader.stop();
  }

  private async fold(): Promise<void> {
    const reader = this.reader as LogReader;
    while (!this.stopped) {
      const messages = await reader.next(BATCH, this.saver.waitMs(this.progress));
      // Entries that were folded before (this process went back to a snapshot) are not counted again.
      await this.foldEntries(
        messages.filter(({ seq }) => seq <= this.counted),
        false,
      );
      await this.foldEntries(
        messages.filter(({ seq }) => seq > this.counted),
        true,
      );
      this.saver.saveWhenDue(this.progress);
    }
  }

  private async foldEntries(messages: readonly JsMsg[], count: boolean): Promise<void> {
    const last = messages.at(-1);
    if (last === undefined) return;
    const { definition, pool, observer, learners } = this.options;
    const entries = await Promise.all(messages.map((message) => this.entryOf(message)));
    const startMs = Date.now();
    const result = await pool.fold(definition.name, entries);
    this.statistics = result.statistics;
    this.folded = last.seq;
    this.told = undefined;
    this.waits = { count: this.waits.count + result.waits.count, seconds: this.waits.seconds + result.waits.seconds };
    if (result.promotions.length > 0) this.saver.force();
    learners.folded(definition, result.statistics);
    if (!count) return;
    this.counted = last.seq;
    observer.tracer?.trained(definition.name, messages.map(tracedSample), startMs, Date.now());
    reportFold(definition.name, result, observer);
  }

  private async entryOf({ data, seq }: JsMsg): Promise<StoredEntry> {
    const { definition, snapshots } = this.options;
    const digest = attachmentOf(data);
    // The bytes go to the thread: what is kept here is a copy.
    const attachment = digest === undefined ? undefined : (await snapshots.get(definition, 'model', digest)).slice();
    return { bytes: data.slice(), sequence: seq, attachment };
  }

  private async pause(ms: number): Promise<void> {
    if (this.stopped) return;
    await delay(ms, undefined, { signal: this.abort.signal }).catch(() => {});
  }
}

/** The last token of an entry's subject is its key. */
function tracedSample({ subject, seq, info }: JsMsg): TracedSample {
  const key = subject.slice(subject.lastIndexOf('.') + 1);
  return { key, sequence: seq, loggedAtMs: info.timestampNanos / 1e6 };
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
