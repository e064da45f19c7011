import type { HeadMetrics } from './head-metrics.js';

/** Labels of the first and the last part of the run that the summary compares. */
export const WINDOW = 100;

/** The course of the served accuracy, out of one scrape after the other. */
export class AccuracyHistory {
  /** Served accuracy at each label count: element n is after `n * every` labels. */
  readonly values: number[] = [];
  #first: { readonly accuracy: number; readonly count: number } | undefined;
  #last: HeadMetrics | undefined;

  /** @param every Labels between two points of the chart. */
  constructor(readonly every: number) {}

  /** Takes a scrape. Points that lie between two scrapes get the newer one's accuracy. */
  add(metrics: HeadMetrics): void {
    this.#last = metrics;
    if (metrics.labelled === 0) return;
    while (this.values.length * this.every <= metrics.labelled) this.values.push(metrics.servedAccuracy100);
    // The counters are exact, but a scrape rarely falls on the hundredth label: the first one at or after it counts.
    if (this.#first === undefined && metrics.labelled >= WINDOW) {
      this.#first = { accuracy: metrics.correct / metrics.labelled, count: metrics.labelled };
    }
  }

  /** The newest scrape. */
  get latest(): HeadMetrics | undefined {
    return this.#last;
  }

  /** Served accuracy of the first labels (100, or the few more of the scrape that saw them); undefined when there were fewer. */
  get first(): { readonly accuracy: number; readonly count: number } | undefined {
    return this.#first;
  }
}
