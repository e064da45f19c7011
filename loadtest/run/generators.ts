// The load generator's processes, driven together.

import type { GeneratorMessage, GeneratorProgress } from '../generator/generator-process.js';
import { mergeCounts } from '../generator/merge.js';
import type { ClosedCount, ClosedLoop, Traffic, TrafficCount } from '../generator/traffic.js';
import { HelperProcess } from '../helper-process.js';

/** For the message to get to all processes before the first arrival. */
const LEAD_MS = 200;
/** Two: what is merged is what several made. */
export const GENERATORS = 2;

export class Generators {
  private readonly told = new Map<number, GeneratorProgress>();
  private readonly processes: readonly HelperProcess<GeneratorMessage, GeneratorProgress>[];

  private constructor(count: number, core: number | undefined) {
    this.processes = Array.from(
      { length: count },
      (_, index) =>
        new HelperProcess<GeneratorMessage, GeneratorProgress>('./generator/generator-process.js', {
          core,
          onProgress: (progress) => this.told.set(index, progress),
        }),
    );
  }

  /** @param size edge of `pixels` */
  static async open(server: string, size: number, core?: number, count = GENERATORS): Promise<Generators> {
    const generators = new Generators(count, core);
    try {
      await Promise.all(generators.processes.map((one) => one.ask({ open: { server, size } })));
      return generators;
    } catch (error) {
      generators.stop();
      throw error;
    }
  }

  /** Runs traffics beside each other until all is answered. `began`: performance.now() of the schedule's second 0. */
  async run(traffics: readonly Traffic[]): Promise<{ counts: TrafficCount[]; began: number }> {
    this.told.clear();
    await Promise.all(this.processes.map((one) => one.ask({ prepare: traffics })));
    const began = performance.now() + LEAD_MS;
    const startAt = performance.timeOrigin + began;
    const workers = this.processes.length;
    const answers = await Promise.all(
      this.processes.map((one, worker) => one.ask<{ counts: TrafficCount[] }>({ run: { worker, workers, startAt } })),
    );
    return { counts: traffics.map((_, index) => mergeCounts(answers.map(({ counts }) => counts[index]!))), began };
  }

  /** @param loop `inFlight` is over all processes */
  async closed(loop: ClosedLoop): Promise<ClosedCount> {
    const inFlight = Math.ceil(loop.inFlight / this.processes.length);
    const counts = await Promise.all(
      this.processes.map((one) => one.ask<ClosedCount>({ closed: { ...loop, inFlight } })),
    );
    return {
      answers: counts.flatMap(({ answers }) => answers).sort((left, right) => left - right),
      latencies: counts.flatMap(({ latencies }) => latencies),
      errors: counts.reduce((sum, { errors }) => sum + errors, 0),
      lastError: counts.find(({ lastError }) => lastError !== '')?.lastError ?? '',
    };
  }

  /** What they told last, together. */
  progress(): GeneratorProgress {
    const all = [...this.told.values()];
    const sum = (key: 'offered' | 'ok' | 'refused' | 'failed') => all.reduce((total, one) => total + one[key], 0);
    return {
      offered: sum('offered'),
      ok: sum('ok'),
      refused: sum('refused'),
      failed: sum('failed'),
      p99: Math.max(0, ...all.map(({ p99 }) => p99)),
    };
  }

  stop(): void {
    for (const one of this.processes) one.stop();
  }
}
