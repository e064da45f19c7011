import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import {
  defaultLearnerOptions,
  type HeadProgress,
  type HeadRequest,
  type HeadStatus,
  type Learning,
  type LearningObserver,
  type LearningOptions,
  type NatsSecurity,
  startLearning,
} from '../../src/learner/index.js';
import { until } from './until.js';

const MiB = 2 ** 20;
const smallStreams = { labels: 64 * MiB, served: 64 * MiB, training: 64 * MiB, embed: 64 * MiB, dead: 64 * MiB };

/** Length of the embeddings in these tests. */
export const DIMENSIONS = 4;

export interface TestLearning {
  readonly learning: Learning;
  /** `error` and `warn` lines of the log. */
  readonly problems: string[];
  readonly deadLetters: { head: string; reason: string }[];
  readonly dropped: string[];
  status(head?: string): HeadStatus;
  /** Waits until `samples` are folded, and nothing waits any more. */
  trained(samples: number, head?: string): Promise<void>;
}

export function headRequest(name = 'pets', overrides: Partial<HeadRequest> = {}): HeadRequest {
  return {
    name,
    backbone: 'tiny',
    backboneIdentity: 'identity-of-tiny',
    dimensions: DIMENSIONS,
    classes: 'open',
    maxClasses: 100,
    learner: defaultLearnerOptions,
    ...overrides,
  };
}

/** An embedding that tells class `index` of `classes` apart, with noise from `seed`. */
export function embeddingOf(index: number, seed: number): Float32Array {
  const embedding = new Float32Array(DIMENSIONS);
  for (let i = 0; i < DIMENSIONS; i++) {
    const noise = Math.sin(seed * 12.9898 + i * 78.233) * 43758.5453;
    embedding[i] = (i === index % DIMENSIONS ? 2 : 0) + (noise - Math.floor(noise)) * 0.5;
  }
  return embedding;
}

/** What a test wants otherwise. */
export type TestLearningOptions = Omit<
  Partial<LearningOptions>,
  'labels' | 'snapshots' | 'learn' | 'training' | 'observer'
> & {
  [K in 'labels' | 'snapshots' | 'learn' | 'training']?: Partial<LearningOptions[K]>;
} & { log?: LearningObserver['log']; security?: NatsSecurity };

/** The learner's side of a process on the NATS at `url` (null: embedded), closed with the test. */
export async function startTestLearning(
  t: Pick<TestContext, 'after'>,
  url: string | null,
  { log, security, ...overrides }: TestLearningOptions = {},
): Promise<TestLearning> {
  const problems: string[] = [];
  const deadLetters: { head: string; reason: string }[] = [];
  const dropped: string[] = [];
  const dataDir = overrides.dataDir ?? temporaryFolder(t);
  const learning = await startLearning({
    dataDir,
    roles: ['serve', 'join', 'learn'],
    nats: { ...security, url, replicas: 1, serverBinary: null, streams: smallStreams },
    embedders: [],
    heads: [headRequest()],
    ...overrides,
    labels: { windowMs: 3_600_000, graceMs: 30_000, record: 'durable', dedupeMs: 86_400_000, ...overrides.labels },
    // Every version with the learners' state, and only the newest few stay.
    snapshots: { everySamples: 50, everyMs: 200, keep: 5, keepForMs: 0, stateEveryMs: 0, ...overrides.snapshots },
    learn: { memoryBytes: 256 * MiB, leaseMs: 3_000, ...overrides.learn },
    training: { keepSamples: null, keepMs: null, ...overrides.training },
    observer: {
      labelResult: () => {},
      labelDelay: () => {},
      connected: () => {},
      deadLetter: (head, reason) => deadLetters.push({ head, reason }),
      dropped: (what) => dropped.push(what),
      log: (level, message) => {
        if (level !== 'info') problems.push(message);
        log?.(level, message);
      },
    },
  });
  t.after(() => learning.close());
  await until('the heads are loaded', () => learning.heads.loaded && learning.connected, { state: () => problems });
  const status = (head = 'pets') => {
    const found = learning.heads.status(head);
    if (!found) throw new Error(`no head '${head}'`);
    return found;
  };
  const trained = async (samples: number, head = 'pets') => {
    let progress: HeadProgress | undefined;
    const done = async () => {
      const { statistics, snapshotSequence, servingVersion, latestVersion } = status(head);
      if (statistics.samples < samples || servingVersion !== latestVersion) return false;
      progress = await learning.heads.progress(head).catch(() => undefined);
      return progress?.labelsWaiting === 0 && snapshotSequence === progress.logSequence;
    };
    const state = () => {
      const { statistics, versions, ...rest } = status(head);
      return { ...rest, samples: statistics.samples, progress, problems };
    };
    await until(`${samples} samples of '${head}' are folded`, done, { state });
  };
  return { learning, problems, deadLetters, dropped, status, trained };
}

export function temporaryFolder(t: Pick<TestContext, 'after'>): string {
  const folder = mkdtempSync(join(tmpdir(), 'headwater-test-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
