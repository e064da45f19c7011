import { Counter, Gauge, type Registry } from 'prom-client';
import type { HeadStatus } from '../../learner/index.js';

/** The value of a head's one series; undefined: it has none. */
type Read = (status: HeadStatus) => number | undefined;
/** A head's series: the values of the further labels, and the number. */
type ReadMany<Label extends string> = (
  status: HeadStatus,
) => Iterable<readonly [labels: Readonly<Record<Label, string | number>>, value: number]>;

/** Metrics that are read from what is known of the heads at each scrape, so that none outlives its head. */
export class HeadSeries {
  constructor(
    private readonly registry: Registry,
    private readonly heads: () => readonly HeadStatus[],
  ) {}

  gauge(name: string, help: string, read: Read): void {
    this.gauges(name, help, [], (status) => one(read(status)));
  }

  /** A count that is kept elsewhere: it is told, not counted. */
  counter(name: string, help: string, read: Read): void {
    const { heads } = this;
    new Counter({
      ...{ name, help, labelNames: ['head'], registers: [this.registry] },
      collect() {
        this.reset();
        for (const status of heads()) {
          const value = read(status);
          if (value !== undefined) this.inc({ head: status.definition.name }, value);
        }
      },
    });
  }

  /** Several series a head, told apart by further labels: of a closed or capped set of values. */
  gauges<Label extends string>(name: string, help: string, labels: readonly Label[], read: ReadMany<Label>): void {
    const { heads } = this;
    new Gauge({
      ...{ name, help, labelNames: ['head', ...labels], registers: [this.registry] },
      collect() {
        this.reset();
        for (const status of heads()) {
          for (const [values, value] of read(status)) this.set({ head: status.definition.name, ...values }, value);
        }
      },
    });
  }
}

function one(value: number | undefined): readonly [Record<never, never>, number][] {
  return value === undefined ? [] : [[{}, value]];
}
