// Prometheus' text format, as far as the load test reads it.

export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What a server's /metrics said at one moment. */
export class MetricsText {
  private readonly series: ReadonlyMap<string, readonly Series[]>;

  constructor(text: string) {
    const found = new Map<string, Series[]>();
    for (const line of text.split('\n')) {
      const parts = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
      if (parts === null) continue;
      const [, name = '', labels = '', value = ''] = parts;
      const list = found.get(name) ?? [];
      list.push({ labels: readLabels(labels), value: Number(value.replace('Inf', 'Infinity')) });
      found.set(name, list);
    }
    this.series = found;
  }

  /** Series of this name whose labels are as given. */
  all(name: string, labels: Readonly<Record<string, string>> = {}): readonly Series[] {
    const wanted = Object.entries(labels);
    return (this.series.get(name) ?? []).filter((one) => wanted.every(([key, value]) => one.labels[key] === value));
  }

  /** The sum over those; NaN when there is none. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const all = this.all(name, labels);
    return all.length === 0 ? Number.NaN : all.reduce((total, { value }) => total + value, 0);
  }
}

function readLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [, key = '', value = ''] of text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
    labels[key] = value.replaceAll(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
  }
  return labels;
}

/** A histogram's counts between two moments, over all its series: `below[i]` values were at most `bounds[i]`. */
export interface Buckets {
  readonly bounds: readonly number[];
  readonly below: readonly number[];
  readonly count: number;
  readonly sum: number;
}

export function bucketsBetween(before: MetricsText, after: MetricsText, name: string): Buckets {
  const bounds = [
    ...new Set(after.all(`${name}_bucket`).map(({ labels }) => Number(labels.le?.replace('+Inf', 'Infinity')))),
  ];
  bounds.sort((left, right) => left - right);
  const at = (text: MetricsText, bound: number) =>
    text
      .all(`${name}_bucket`)
      .filter(({ labels }) => Number(labels.le?.replace('+Inf', 'Infinity')) === bound)
      .reduce((total, { value }) => total + value, 0);
  const difference = (what: string) => after.sum(`${name}_${what}`) - (before.sum(`${name}_${what}`) || 0);
  return {
    bounds,
    below: bounds.map((bound) => at(after, bound) - at(before, bound)),
    count: difference('count'),
    sum: difference('sum'),
  };
}

/** The bucket's upper bound that holds the quantile, linearly between the bounds; NaN when nothing was counted. */
export function bucketQuantile({ bounds, below, count }: Buckets, p: number): number {
  if (!(count > 0)) return Number.NaN;
  const wanted = p * count;
  const index = below.findIndex((each) => each >= wanted);
  const upper = bounds[index] ?? Number.NaN;
  const [lower, under] = index === 0 ? [0, 0] : [bounds[index - 1]!, below[index - 1]!];
  if (!Number.isFinite(upper)) return lower;
  return lower + ((upper - lower) * (wanted - under)) / (below[index]! - under);
}

/** Of the counted values, how many were at most `bound`, 0 to 1; `bound` must be one of the buckets'. */
export function shareBelow({ bounds, below, count }: Buckets, bound: number): number {
  return count > 0 ? (below[bounds.indexOf(bound)] ?? Number.NaN) / count : Number.NaN;
}
