import { metricValue, parsePrometheus } from './prometheus-text.js';

/** What `/metrics` says about a head: the numbers that Prometheus would see. */
export interface HeadMetrics {
  /** Labels of answers so far, and those that equal the class answered. */
  readonly labelled: number;
  readonly correct: number;
  /** Served accuracy over the last 100; NaN until there is one. */
  readonly servedAccuracy100: number;
  readonly prequentialAccuracy: number;
  readonly version: number;
  readonly samples: number;
  readonly classes: number;
  /** The candidate that serves; empty until there is one. */
  readonly champion: string;
}

/** Reads the metrics of one head out of a scrape. */
export function readHeadMetrics(text: string, head: string): HeadMetrics {
  const samples = parsePrometheus(text);
  const value = (name: string, labels: Record<string, string> = {}) => metricValue(samples, name, { head, ...labels });
  const labelled = value('headwater_served_labelled_total') ?? 0;
  return {
    labelled,
    correct: value('headwater_served_correct_total') ?? 0,
    servedAccuracy100:
      labelled === 0 ? Number.NaN : (value('headwater_served_accuracy', { window: '100' }) ?? Number.NaN),
    prequentialAccuracy: value('headwater_prequential_accuracy', { window: '1000' }) ?? Number.NaN,
    version: value('headwater_head_version') ?? 0,
    samples: value('headwater_head_samples_total') ?? 0,
    classes: value('headwater_head_classes') ?? 0,
    champion:
      samples.find((one) => one.name === 'headwater_champion_info' && one.labels.head === head)?.labels.learner ?? '',
  };
}

/** Scrapes a server. @throws Error when it does not answer within five seconds. */
export async function scrapeHeadMetrics(httpPort: number, head: string): Promise<HeadMetrics> {
  const response = await fetch(`http://127.0.0.1:${httpPort}/metrics`, { signal: AbortSignal.timeout(5000) });
  if (!response.ok) throw new Error(`/metrics answers ${response.status}`);
  return readHeadMetrics(await response.text(), head);
}
