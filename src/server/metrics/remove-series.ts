import type { Counter, Histogram } from 'prom-client';

/** Removes the series of a metric whose label `name` has a value that is gone. */
export async function removeSeries<T extends string>(
  metric: Counter<T> | Histogram<T>,
  name: T,
  isGone: (value: string) => boolean,
): Promise<void> {
  const { values } = await metric.get();
  for (const { labels } of values) {
    const value = labels[name];
    if (typeof value !== 'string' || !isGone(value)) continue;
    // A bucket's bound is no label of the histogram: it stands for the whole one, which may be removed already.
    const { le: _, ...own } = labels as Partial<Record<T | 'le', string | number>>;
    metric.remove(own as Partial<Record<T, string | number>>);
  }
}
