// The one place where counts and timings become Prometheus metrics. Names and labels are a contract (interface.md).
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Backbone } from '../../engine/index.js';
import type { DeadReason, LabelResult, Learning, LearningObserver } from '../../learner/index.js';
import type { Batcher } from '../batching/batcher.js';
import type { StageTimings } from '../codec/response.js';
import { addEventLoopMetric } from './event-loop.js';
import { addHeadMetrics } from './head-metrics.js';
import { openMetricsText } from './open-metrics.js';
import { addQueueMetrics } from './queue-metrics.js';
import { removeSeries } from './remove-series.js';

const LABEL_RESULTS: readonly LabelResult[] = ['trained', 'duplicate', 'unknown_id', 'late', 'invalid'];
const OVERHEAD_BUCKETS = [0.00025, 0.0005, 0.00075, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5];
const LATENCY_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const DELAY_BUCKETS = [0.01, 0.1, 1, 5, 15, 60, 300, 900, 3600, 14_400, 43_200, 86_400, 604_800];
const BATCH_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/** What a metric's label is when a stranger named something that does not exist. */
const UNKNOWN = 'unknown';

export class Metrics {
  readonly registry = new Registry();
  private readonly registers = [this.registry];
  /** Whether OpenMetrics has more to tell than the plain format. */
  readonly exemplars: boolean;
  private batchers: ReadonlyMap<string, Batcher> = new Map();
  /** Names of all that are configured: their series stay while they are unloaded. */
  private backbones: ReadonlySet<string> = new Set();
  private learning: Learning | undefined;
  /** Heads and models that series are named after. */
  private readonly named = new Set<string>();
  /** Heads that have a histogram of label delays. */
  private readonly withDelays = new Set<string>();

  private readonly requests = new Counter({
    name: 'headwater_requests_total',
    help: 'Inference requests answered, by model and gRPC status',
    labelNames: ['model', 'code'],
    registers: this.registers,
  });
  private readonly durations: Histogram<'model' | 'stage'>;
  private readonly overhead = new Histogram({
    name: 'headwater_request_overhead_seconds',
    help: 'Time of answered requests without decoding, waiting and computing: what the service itself takes',
    labelNames: ['model'],
    buckets: OVERHEAD_BUCKETS,
    registers: this.registers,
  });
  private readonly images = new Counter({
    name: 'headwater_images_total',
    help: 'Images that went through a backbone',
    labelNames: ['backbone'],
    registers: this.registers,
  });
  private readonly batchSizes = new Histogram({
    name: 'headwater_batch_size',
    help: 'Images a batch',
    labelNames: ['backbone'],
    buckets: BATCH_BUCKETS,
    registers: this.registers,
  });
  private readonly labels = new Counter({
    name: 'headwater_labels_total',
    help: 'Labels by how they ended',
    labelNames: ['head', 'result'],
    registers: this.registers,
  });
  private readonly labelDelays = new Histogram({
    name: 'headwater_label_delay_seconds',
    help: 'From an answer to the arrival of its label',
    labelNames: ['head'],
    buckets: DELAY_BUCKETS,
    registers: this.registers,
  });
  private readonly deadLetters = new Counter({
    name: 'headwater_dead_letters_total',
    help: 'Labels given up, by reason',
    labelNames: ['head', 'reason'],
    registers: this.registers,
  });
  private readonly dropped = new Counter({
    name: 'headwater_dropped_total',
    help: 'What was given up under pressure',
    labelNames: ['what'],
    registers: this.registers,
  });

  /** @param options `exemplars`: durations of requests that are traced tell their trace, where OpenMetrics is asked for */
  constructor({ exemplars = false } = {}) {
    this.exemplars = exemplars;
    this.durations = new Histogram<'model' | 'stage'>({
      name: 'headwater_request_duration_seconds',
      help: 'Time of answered requests, in total and by stage',
      labelNames: ['model', 'stage'],
      buckets: LATENCY_BUCKETS,
      enableExemplars: exemplars,
      // One with exemplars may not be made for a registry of the plain format; shown in it, it has none.
      registers: [],
    });
    this.registry.registerMetric(this.durations);
    collectDefaultMetrics({ register: this.registry });
    addEventLoopMetric(this.registry);
    const metrics = this;
    new Gauge({
      name: 'headwater_engine_info',
      help: '1; what runs a backbone and how',
      labelNames: ['backbone', 'engine', 'isa', 'threads', 'sparsity'],
      registers: this.registers,
      collect() {
        // Another file may be run otherwise, and one that was unloaded is not run.
        this.reset();
        for (const { backbone } of metrics.batchers.values()) this.set(engineLabels(backbone), 1);
      },
    });
    addQueueMetrics(this.registry, () => metrics.batchers);
    new Gauge({
      name: 'headwater_nats_connected',
      help: '1 while the connection to NATS is up',
      registers: this.registers,
      collect() {
        this.set(metrics.learning?.connected ? 1 : 0);
      },
    });
    for (const what of ['depth', 'limit'] as const) {
      new Gauge({
        name: `headwater_buffer_${what}`,
        help: what === 'depth' ? "Entries of the learner's buffers" : 'Entries they can have',
        labelNames: ['buffer'],
        registers: this.registers,
        collect() {
          for (const queue of metrics.learning?.queues() ?? []) this.set({ buffer: queue.name }, queue[what]);
        },
      });
    }
    // Present from the start, so that a rate over it is never "no data".
    this.dropped.inc({ what: 'served_record' }, 0);
    addHeadMetrics(this.registry, () => metrics.learning?.heads.list() ?? []);
  }

  /** Backbones once they are loaded; the map stays, what is in it changes with what is loaded. */
  serve(batchers: ReadonlyMap<string, Batcher>): void {
    this.batchers = batchers;
    this.backbones = new Set(batchers.keys());
    for (const name of this.backbones) this.images.inc({ backbone: name }, 0);
  }

  learn(learning: Learning): void {
    this.learning = learning;
  }

  /** A batch that went through a backbone. */
  batch(backbone: string, images: number): void {
    this.images.inc({ backbone }, images);
    this.batchSizes.observe({ backbone }, images);
  }

  /** An answered request; `timings` only when it was answered with OK. @param traceId of the trace that shows it */
  request(model: string, code: string, totalMs: number, timings?: StageTimings, traceId?: string): void {
    const known = this.isModel(model) ? this.naming(model) : UNKNOWN;
    this.requests.inc({ model: known, code });
    this.duration(known, 'total', totalMs, traceId);
    if (timings === undefined) return;
    this.duration(known, 'decode', timings.decodeMs);
    this.duration(known, 'queue', timings.queueMs);
    this.duration(known, 'compute', timings.computeMs);
    const overheadMs = totalMs - timings.decodeMs - timings.queueMs - timings.computeMs;
    this.overhead.observe({ model: known }, Math.max(0, overheadMs) / 1000);
  }

  private duration(model: string, stage: string, ms: number, traceId?: string): void {
    const labels = { model, stage };
    if (!this.exemplars) {
      this.durations.observe(labels, ms / 1000);
      return;
    }
    // With exemplars prom-client wants its arguments as one object, whose type here knows only the metric's own labels.
    const exemplarLabels = (traceId === undefined ? {} : { trace_id: traceId }) as object;
    this.durations.observe({ labels, value: ms / 1000, exemplarLabels });
  }

  /** A request that gRPC refused before its model was known: too large, malformed. */
  refused(code: string): void {
    this.requests.inc({ model: UNKNOWN, code });
  }

  /** The ear of the learner's side. */
  observer(log: LearningObserver['log']): LearningObserver {
    return {
      labelResult: (head, result) => this.labels.inc({ head: this.headLabel(head), result }),
      deadLetter: (head, reason: DeadReason) => this.deadLetters.inc({ head: this.headLabel(head), reason }),
      labelDelay: (head, seconds) => {
        this.beginDelays(this.headLabel(head));
        this.labelDelays.observe({ head: this.headLabel(head) }, seconds);
      },
      connected: (up) =>
        up
          ? log('info', 'NATS is connected', { event: 'nats_connected' })
          : log('warn', 'NATS is away: predictions go on', { event: 'nats_away' }),
      dropped: (what) => this.dropped.inc({ what }),
      log,
    };
  }

  /** The text that Prometheus reads. @param open as OpenMetrics, the format that has exemplars */
  async text(open = false): Promise<string> {
    await this.forgetDeleted();
    for (const { definition } of this.learning?.heads.list() ?? []) {
      this.naming(definition.name);
      for (const result of LABEL_RESULTS) this.labels.inc({ head: definition.name, result }, 0);
      this.beginDelays(definition.name);
    }
    return open ? openMetricsText(this.registry) : this.registry.metrics();
  }

  /** Makes an empty histogram, once: `zero` also forgets what was observed. */
  private beginDelays(head: string): void {
    if (this.withDelays.has(head)) return;
    this.withDelays.add(head);
    this.labelDelays.zero({ head });
  }

  private isModel(name: string): boolean {
    return this.backbones.has(name) || this.learning?.heads.status(name) !== undefined;
  }

  private headLabel(name: string): string {
    const known = this.learning === undefined || this.learning.heads.status(name) !== undefined;
    return known ? this.naming(name) : UNKNOWN;
  }

  /** Notes that a series is named so. Each new name makes room first: without scrapes, too, deleted heads do not pile up. */
  private naming(name: string): string {
    if (!this.named.has(name)) {
      void this.forgetDeleted();
      this.named.add(name);
    }
    return name;
  }

  /** Removes the series of heads that are gone. While heads are not known yet nothing is. */
  private async forgetDeleted(): Promise<void> {
    if (!this.learning?.heads.loaded) return;
    const gone = new Set([...this.named].filter((name) => !this.isModel(name)));
    if (gone.size === 0) return;
    for (const name of gone) {
      this.named.delete(name);
      this.withDelays.delete(name);
    }
    const isGone = (name: string) => gone.has(name);
    await Promise.all([
      removeSeries(this.requests, 'model', isGone),
      removeSeries(this.durations, 'model', isGone),
      removeSeries(this.overhead, 'model', isGone),
      removeSeries(this.labels, 'head', isGone),
      removeSeries(this.labelDelays, 'head', isGone),
      removeSeries(this.deadLetters, 'head', isGone),
    ]);
  }
}

function engineLabels({ name, info }: Backbone): Record<string, string> {
  const { engine, isa, threads, sparsity } = info;
  return { backbone: name, engine, isa, threads: String(threads), sparsity: sparsity.toFixed(3) };
}
