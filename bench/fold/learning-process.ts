// A process of its own with the learner's side of Headwater. Driven by messages of the benchmark.
import { spawnSync } from 'node:child_process';
import { type HeadRequest, type HeadStatus, type Learning, type Role, startLearning } from '../../src/learner/index.js';
import type { Mark } from './marks.js';

const MiB = 2 ** 20;
/** Samples between two marks. */
const MARK_EVERY = 64;
/** Learning that does not move for so long is broken. */
const STILL_MS = 60_000;

export interface LearningSetting {
  readonly dataDir: string;
  readonly roles: readonly Role[];
  readonly heads: readonly HeadRequest[];
  readonly memoryBytes: number;
  /** Milliseconds between versions. */
  readonly versionEveryMs: number;
  /** Binds the threads to this core (`taskset`), nats-server not. undefined: they run where they like. */
  readonly core?: number | undefined;
}

export type LearningMessage =
  | { readonly start: LearningSetting }
  /** Answers once all heads are taught here. */
  | { readonly taught: true }
  /** Answers once so many samples are folded, over all heads. */
  | { readonly trained: number }
  | { readonly report: true }
  | { readonly close: true };

export interface LearningReport {
  /** Of all heads: what the fold waited for refits. */
  readonly waits: { readonly count: number; readonly seconds: number };
  readonly samples: number;
  /** Heads with more learners than one. */
  readonly full: number;
  readonly versions: number;
  /** Largest resident memory since the process began, nats-server apart. */
  readonly peakBytes: number;
  /** What the learners' states take by their own account. */
  readonly stateBytes: number;
  /** Champions and how many heads have them. */
  readonly champions: Readonly<Record<string, number>>;
  /** Of the first head. */
  readonly accuracy: number;
  /** Lines of the log that are warnings or errors. */
  readonly problems: readonly string[];
}

const marks: Mark[] = [];
const problems: string[] = [];
let learning: Learning | undefined;
let samples = 0;
let waiting: { samples: number; resolve: (value: { marks: Mark[] }) => void } | undefined;
let isMarking = false;

/** A batch is told sample by sample at one moment: its mark comes after the last. */
function trained(): void {
  samples += 1;
  if (isMarking) return;
  isMarking = true;
  queueMicrotask(() => {
    isMarking = false;
    const done = waiting !== undefined && samples >= waiting.samples;
    if (!done && samples - (marks.at(-1)?.samples ?? 0) < MARK_EVERY) return;
    const { user, system } = process.cpuUsage();
    marks.push({ samples, atMs: performance.now(), cpuMs: (user + system) / 1000 });
    if (done) answerWaiting();
  });
}

function answerWaiting(): void {
  waiting?.resolve({ marks: marks.splice(0) });
  waiting = undefined;
}

async function start(setting: LearningSetting): Promise<object> {
  const { dataDir, roles, heads, memoryBytes, versionEveryMs, core } = setting;
  learning = await startLearning({
    dataDir,
    roles,
    nats: {
      url: null,
      replicas: 1,
      serverBinary: null,
      streams: { labels: 64 * MiB, served: 64 * MiB, training: 4096 * MiB, embed: 64 * MiB, dead: 64 * MiB },
    },
    labels: { windowMs: 3_600_000, graceMs: 30_000, record: 'async', dedupeMs: 86_400_000 },
    learn: { memoryBytes, leaseMs: 10_000 },
    training: { keepSamples: null, keepMs: null },
    // The configuration's defaults, but for the time between versions.
    snapshots: {
      everySamples: 200,
      everyMs: versionEveryMs,
      keep: 10,
      keepForMs: 30 * 86_400_000,
      stateEveryMs: 10_000,
    },
    embedders: [],
    heads,
    observer: {
      labelResult: (_, result) => result === 'trained' && trained(),
      labelDelay: () => {},
      connected: () => {},
      deadLetter: () => {},
      dropped: () => {},
      log: (level, message) => {
        if (level !== 'info' && problems.length < 20) problems.push(message);
      },
    },
  });
  if (core !== undefined) bindTo(core);
  const known = learning.heads;
  await until(() => known.loaded && heads.every(({ name }) => known.status(name) !== undefined));
  return {};
}

/** All threads that there are; later ones follow the thread that starts them. */
function bindTo(core: number): void {
  const bound = spawnSync('taskset', ['-a', '-c', '-p', String(core), String(process.pid)], { encoding: 'utf8' });
  if (bound.status !== 0) throw new Error(`taskset: ${bound.error?.message ?? bound.stderr}`);
}

function running(): Learning {
  if (learning === undefined) throw new Error('start comes first');
  return learning;
}

async function taught(): Promise<object> {
  const seen = (status: HeadStatus) => status.taughtBy === 'here' && status.waits !== undefined;
  await until(() => running().heads.list().every(seen), 100);
  return {};
}

async function until(condition: () => boolean, everyMs = 5): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, everyMs));
}

function report(): LearningReport {
  const heads = running().heads.list();
  const champions: Record<string, number> = {};
  let [count, seconds, learned, full, versions, stateBytes] = [0, 0, 0, 0, 0, 0];
  for (const { waits, statistics, latestVersion } of heads) {
    count += waits?.count ?? 0;
    seconds += waits?.seconds ?? 0;
    learned += statistics.samples;
    versions += latestVersion;
    full += statistics.candidates.length > 1 ? 1 : 0;
    stateBytes += statistics.candidates.reduce((sum, { bytes }) => sum + bytes, 0);
    champions[statistics.champion] = (champions[statistics.champion] ?? 0) + 1;
  }
  return {
    waits: { count, seconds },
    samples: learned,
    full,
    versions,
    peakBytes: process.resourceUsage().maxRSS * 1024,
    stateBytes,
    champions,
    accuracy: heads[0]?.statistics.prequentialAccuracy.at(-1)?.accuracy ?? 0,
    problems,
  };
}

function trainedUpTo(wanted: number): Promise<{ marks: Mark[] }> {
  return new Promise((resolve, reject) => {
    let seen = samples;
    const watch = setInterval(() => {
      if (samples === seen) {
        clearInterval(watch);
        waiting = undefined;
        reject(new Error(`learning stands still at ${samples} of ${wanted} samples: ${problems.join('; ')}`));
      }
      seen = samples;
    }, STILL_MS);
    waiting = {
      samples: wanted,
      resolve: (value) => {
        clearInterval(watch);
        resolve(value);
      },
    };
    if (samples >= wanted) answerWaiting();
  });
}

async function answer(message: LearningMessage): Promise<object> {
  if ('start' in message) return start(message.start);
  if ('taught' in message) return taught();
  if ('report' in message) return report();
  if ('close' in message) {
    await running().close();
    return {};
  }
  return trainedUpTo(message.trained);
}

process.on('message', (message: LearningMessage) => {
  answer(message).then(
    (result) => process.send?.(result),
    (error: Error) => process.send?.({ error: error.message }),
  );
});
process.on('disconnect', () => {
  // The benchmark is gone: nats-server must go, too.
  const closed = learning === undefined ? Promise.resolve() : learning.close();
  closed.finally(() => process.exit(1));
});
