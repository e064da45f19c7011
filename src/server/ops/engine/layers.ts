// Layers of the loaded networks, with what each takes: measured on demand, one at a time, and kept.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { StatusError } from '../../errors.js';
import type { BackboneRegistry } from '../../repository/backbone-registry.js';
import type { LayersReport, MeasureReply, MeasureRequest } from './messages.js';

const TIMEOUT_MS = 60_000;
/** Part of the time that an engine may be computing for requests when the measurement begins. */
const MOST_BUSY = 0.25;

export type Measure = (request: MeasureRequest, signal: AbortSignal) => Promise<LayersReport>;

export interface LayersOptions {
  readonly isa: MeasureRequest['isa'];
  /** Part of the time that engines computed lately, 0 to 1; NaN: not known yet. */
  readonly busy: () => number;
  readonly measure?: Measure;
}

export class Layers {
  /** By backbone; those of another identity than the loaded one are not told. */
  private readonly known = new Map<string, { readonly identity: string; readonly report: LayersReport }>();
  private readonly ending = new AbortController();
  private running: { readonly backbone: string; readonly report: Promise<LayersReport> } | undefined;

  constructor(private readonly options: LayersOptions) {}

  /** undefined: not measured since this network was loaded. */
  of(backbone: string, identity: string): LayersReport | undefined {
    const known = this.known.get(backbone);
    return known?.identity === identity ? known.report : undefined;
  }

  /**
   * Measures a network, unless that was done already.
   * @throws StatusError model_unknown, model_unloaded; requests_full under load or while another one is measured; run_failed
   */
  async measured(registry: BackboneRegistry, name: string): Promise<LayersReport> {
    const { entry, model } = registry.describe(name);
    const batcher = registry.loaded.get(name);
    if (batcher === undefined) {
      throw registry.unavailable(name) ?? new StatusError('model_unloaded', `"${name}" is not loaded`);
    }
    const { identity, info } = batcher.backbone;
    const known = this.of(name, identity);
    if (known !== undefined) return known;
    if (this.running?.backbone === name) return this.running.report;
    if (this.running !== undefined) throw busy('another network is being measured; try again in a minute');
    if (batcher.depth > 0 || this.options.busy() > MOST_BUSY) {
      throw busy('the engine is busy with requests, which a measurement would slow down; try again when it is quiet');
    }
    const { isa, measure = measureInProcess } = this.options;
    const report = measure({ model, output: info.output, size: entry.image.size, threads: 1, isa }, this.ending.signal);
    this.running = { backbone: name, report };
    try {
      this.known.set(name, { identity, report: await report });
      return await report;
    } finally {
      this.running = undefined;
    }
  }

  close(): void {
    this.ending.abort();
  }
}

const busy = (message: string) => new StatusError('requests_full', message, { retryDelayMs: 10_000 });

/** In a process of its own, at the lowest priority: parsing and planning a large network takes seconds and memory. */
function measureInProcess(request: MeasureRequest, signal: AbortSignal): Promise<LayersReport> {
  return new Promise((resolve, reject) => {
    const file = fileURLToPath(new URL('./measure-process.js', import.meta.url));
    const child = fork(file, [], { stdio: 'ignore', execArgv: [], timeout: TIMEOUT_MS, signal });
    const failed = (why: string) => reject(new StatusError('run_failed', `the network was not measured: ${why}`));
    child.once('message', (reply: MeasureReply) => {
      if ('report' in reply) resolve(reply.report);
      else failed(reply.error);
    });
    child.once('error', (error) => failed(error.message));
    child.once('exit', (code, ended) => failed(`its process ended with ${code ?? ended}`));
    child.send(request);
  });
}
