// Looks at the process once a second, so that a page that is opened later has its curves at once.
import type { HeadStatus, Learning } from '../../../learner/index.js';
import type { Batcher } from '../../batching/batcher.js';
import { HeadHistory } from './heads.js';
import { TIERS } from './tiers.js';
import { Traffic, type TrafficCounts } from './traffic.js';

/** Looking may take this part of the time: with thousands of heads it looks less often. */
const SHARE = 0.01;

export class Recorder {
  readonly traffic = new Traffic();
  readonly heads = new HeadHistory();
  private batchers: ReadonlyMap<string, Batcher> = new Map();
  private learning: Learning | undefined;
  /** Learned by each head so far, and by all since the start. */
  private samples: ReadonlyMap<string, number> = new Map();
  private labels = 0;
  private timer: NodeJS.Timeout | undefined;

  /** @param now Unix time in milliseconds */
  constructor(private readonly now: () => number = Date.now) {}

  serve(batchers: ReadonlyMap<string, Batcher>): void {
    this.batchers = batchers;
  }

  learn(learning: Learning): void {
    this.learning = learning;
  }

  start(): void {
    const start = performance.now();
    this.tick();
    const took = performance.now() - start;
    this.timer = setTimeout(() => this.start(), Math.max(TIERS[0].everyMs, took / SHARE)).unref();
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  tick(): void {
    const now = this.now();
    const heads = this.learning?.heads.list() ?? [];
    this.countLabels(heads);
    this.traffic.tick(now, { ...countsOf(this.batchers.values()), labels: this.labels });
    this.heads.tick(now, heads);
  }

  /** What a head had learned when it was first seen was not learned now. */
  private countLabels(heads: readonly HeadStatus[]): void {
    const before = this.samples;
    this.samples = new Map(heads.map(({ definition, statistics }) => [definition.name, statistics.samples]));
    for (const [name, samples] of this.samples) this.labels += Math.max(0, samples - (before.get(name) ?? samples));
  }
}

function countsOf(batchers: Iterable<Batcher>): Omit<TrafficCounts, 'labels'> {
  const sum = { images: 0, computeMs: 0, queueDepth: 0 };
  for (const { counts, depth } of batchers) {
    sum.images += counts.images.inference + counts.images.learning;
    sum.computeMs += (counts.computeNs.inference + counts.computeNs.learning) / 1e6;
    sum.queueDepth += depth;
  }
  return sum;
}
