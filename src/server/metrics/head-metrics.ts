// Metrics of heads, read from what is known of them at each scrape: they follow the snapshots, so they survive restarts.
import { Counter, Gauge, type Registry } from 'prom-client';
import type { ClassStatistics, HeadStatus } from '../../learner/index.js';

/** Classes with a series of their own; class names come from strangers, so their number has a cap. */
export const CLASS_SERIES = 50;
const OTHER = 'other';

type Read = (status: HeadStatus) => number | undefined;

export class HeadMetrics {
  constructor(
    private readonly registry: Registry,
    private readonly heads: () => readonly HeadStatus[],
  ) {
    this.perHead(
      'gauge',
      'headwater_head_version',
      'Version that is served; 0: nothing learned',
      (s) => s.servingVersion,
    );
    this.perHead('counter', 'headwater_head_samples_total', 'Samples learned', (s) => s.statistics.samples);
    this.perHead('gauge', 'headwater_head_classes', 'Classes', (s) => s.statistics.classes.length);
    this.perHead('gauge', 'headwater_snapshot_age_seconds', 'Since the newest snapshot', ({ snapshotCreatedAtMs }) =>
      snapshotCreatedAtMs === undefined ? undefined : Math.max(0, Date.now() - snapshotCreatedAtMs) / 1000,
    );
    this.perHead('gauge', 'headwater_learner_lag_samples', 'Samples logged but not learned yet', (s) => s.lag);
    this.perHead(
      'counter',
      'headwater_served_labelled_total',
      'Labels of answered requests',
      (s) => s.statistics.servedLabelled,
    );
    this.perHead(
      'counter',
      'headwater_served_correct_total',
      'Labels that equal the class that was answered',
      (s) => s.statistics.servedCorrect,
    );
    this.windows('headwater_served_accuracy', 'The label against the answer', (s) => s.statistics.servedAccuracy);
    this.windows(
      'headwater_prequential_accuracy',
      'Each sample predicted before it is learned',
      (s) => s.statistics.prequentialAccuracy,
    );
    this.recall();
  }

  private perHead(type: 'gauge' | 'counter', name: string, help: string, read: Read): void {
    const { heads } = this;
    const common = { name, help, labelNames: ['head'], registers: [this.registry] };
    if (type === 'counter') {
      new Counter({
        ...common,
        collect() {
          this.reset();
          for (const status of heads()) this.inc({ head: status.definition.name }, read(status) ?? 0);
        },
      });
      return;
    }
    new Gauge({
      ...common,
      collect() {
        this.reset();
        for (const status of heads()) {
          const value = read(status);
          if (value !== undefined) this.set({ head: status.definition.name }, value);
        }
      },
    });
  }

  private windows(
    name: string,
    help: string,
    read: (status: HeadStatus) => HeadStatus['statistics']['servedAccuracy'],
  ): void {
    const { heads } = this;
    new Gauge({
      name,
      help: `${help}, over the last so many`,
      labelNames: ['head', 'window'],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const status of heads()) {
          for (const { window, count, accuracy } of read(status)) {
            // No accuracy yet is not an accuracy of 0.
            if (count > 0) this.set({ head: status.definition.name, window }, accuracy);
          }
        }
      },
    });
  }

  private recall(): void {
    const { heads } = this;
    new Gauge({
      name: 'headwater_class_recall',
      help: `Prequential recall among the last 1000 samples: the ${CLASS_SERIES} most frequent classes, and other`,
      labelNames: ['head', 'class'],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const { definition, statistics } of heads()) {
          for (const [name, recall] of classRecall(statistics.classes)) {
            this.set({ head: definition.name, class: name }, recall);
          }
        }
      },
    });
  }
}

/**
 * Recall of the most frequent recent classes, the rest together as `other` (weighted by their samples). A class that is
 * itself called `other` is part of that.
 */
export function classRecall(classes: readonly ClassStatistics[]): [string, number][] {
  const recent = classes.filter((entry) => entry.recent > 0);
  recent.sort((a, b) => b.recent - a.recent || (a.name < b.name ? -1 : 1));
  const named = recent.filter((entry) => entry.name !== OTHER).slice(0, CLASS_SERIES);
  const shown = new Set(named.map(({ name }) => name));
  const rest = recent.filter(({ name }) => !shown.has(name));
  const series = named.map(({ name, recall }): [string, number] => [name, recall]);
  const samples = rest.reduce((sum, entry) => sum + entry.recent, 0);
  if (samples > 0) series.push([OTHER, rest.reduce((sum, entry) => sum + entry.recall * entry.recent, 0) / samples]);
  return series;
}
