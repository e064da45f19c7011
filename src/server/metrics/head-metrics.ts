// Metrics of heads, read from what is known of them at each scrape: they follow the snapshots, so they survive restarts.
import type { Registry } from 'prom-client';
import type { ClassStatistics, HeadStatus, WindowAccuracy } from '../../learner/index.js';
import { HeadSeries } from './head-series.js';
import { addLearnerMetrics } from './learner-metrics.js';

/** Classes with a series of their own; class names come from strangers, so their number has a cap. */
export const CLASS_SERIES = 50;
const OTHER = 'other';

export function addHeadMetrics(registry: Registry, heads: () => readonly HeadStatus[]): void {
  const series = new HeadSeries(registry, heads);
  series.gauge('headwater_head_version', 'Version that is served; 0: nothing learned', (s) => s.servingVersion);
  series.counter('headwater_head_samples_total', 'Samples learned', (s) => s.statistics.samples);
  series.gauge('headwater_head_classes', 'Classes', (s) => s.classCount);
  series.gauge('headwater_snapshot_age_seconds', 'Since the newest snapshot', ({ snapshotCreatedAtMs }) =>
    snapshotCreatedAtMs === undefined ? undefined : Math.max(0, Date.now() - snapshotCreatedAtMs) / 1000,
  );
  series.gauge('headwater_learner_lag_samples', 'Samples logged but not learned yet', (s) => s.lag);
  series.counter('headwater_served_labelled_total', 'Labels of answered requests', (s) => s.statistics.servedLabelled);
  series.counter(
    'headwater_served_correct_total',
    'Labels that equal the class that was answered',
    (s) => s.statistics.servedCorrect,
  );
  addWindows(series, 'headwater_served_accuracy', 'The label against the answer', (s) => s.statistics.servedAccuracy);
  addWindows(
    series,
    'headwater_prequential_accuracy',
    'Each sample predicted before it is learned',
    (s) => s.statistics.prequentialAccuracy,
  );
  series.gauges(
    'headwater_class_recall',
    `Prequential recall among the last 1000 samples: the ${CLASS_SERIES} most frequent classes, and other`,
    ['class'],
    ({ statistics }) => classRecall(statistics.classes).map(([name, recall]) => [{ class: name }, recall]),
  );
  addLearnerMetrics(series);
}

function addWindows(
  series: HeadSeries,
  name: string,
  help: string,
  read: (status: HeadStatus) => readonly WindowAccuracy[],
): void {
  series.gauges(name, `${help}, over the last so many`, ['window'], (status) =>
    // No accuracy yet is not an accuracy of 0.
    read(status).flatMap(({ window, count, accuracy }) => (count > 0 ? [[{ window }, accuracy] as const] : [])),
  );
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
