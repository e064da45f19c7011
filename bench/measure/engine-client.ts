import { Child } from './child.js';
import type { EngineMessage, EngineSetting, Memory, Opened, Timed } from './engine-process.js';
import type { Contestant } from './interleave.js';

/** Milliseconds that a turn should take: long against a timer's grain, short against what disturbs a machine. */
const TURN_MS = 80;
const MOST_RUNS = 12;

/** One engine with one model in a process of its own. */
export class EngineClient {
  readonly #child = new Child<EngineMessage>(new URL('./engine-process.js', import.meta.url));
  #opened: Opened = { loadMs: Number.NaN, isa: '' };
  #runMs = Number.NaN;

  private constructor(readonly setting: EngineSetting) {}

  /** Loads the model and warms up. @throws Error when the engine does not take the model. */
  static async open(setting: EngineSetting): Promise<EngineClient> {
    const client = new EngineClient(setting);
    try {
      client.#opened = await client.#child.ask<Opened>({ open: setting });
      client.#runMs = (await client.time(2, 2)).median;
      return client;
    } catch (error) {
      await client.stop();
      throw error;
    }
  }

  get loadMs(): number {
    return this.#opened.loadMs;
  }

  get isa(): string {
    return this.#opened.isa;
  }

  time(warm: number, runs: number, gapMs = 0): Promise<Timed> {
    return this.#child.ask<Timed>({ time: { warm, runs, gapMs } });
  }

  /** [batch, dimensions] of the setting's input. */
  async output(): Promise<Float32Array> {
    return (await this.#child.ask<{ values: Float32Array }>({ output: true })).values;
  }

  memory(): Promise<Memory> {
    return this.#child.ask<Memory>({ memory: true });
  }

  /** In turns of about 80 ms, the first run not counted. A turn's time is the median of its runs, in milliseconds an image. */
  contestant(name: string): Contestant {
    const runs = Math.max(1, Math.min(MOST_RUNS, Math.round(TURN_MS / this.#runMs)));
    return { name, turn: async () => (await this.time(1, runs)).median / this.setting.batch };
  }

  /** As `contestant`, but as a quiet service sees requests: a pause before each run, and every run counts. */
  isolated(name: string, gapMs: number): Contestant {
    return { name, turn: async () => (await this.time(0, MOST_RUNS, gapMs)).median / this.setting.batch };
  }

  stop(): Promise<void> {
    return this.#child.stop();
  }
}

/** Bytes resident in such a process before it loads anything, engine or model. */
export async function emptyProcess(): Promise<Memory> {
  const child = new Child<EngineMessage>(new URL('./engine-process.js', import.meta.url));
  try {
    return await child.ask<Memory>({ memory: true });
  } finally {
    await child.stop();
  }
}
