// A simulated clock and an engine that runs on it: hours of service in a second, and the same every time.
import type { Backbone, EmbeddedBatch, Images } from '../../../../src/engine/index.js';
import type { Clock } from '../../../../src/server/batching/clock.js';

interface Event {
  readonly at: number;
  readonly order: number;
  readonly call: () => void;
  off: boolean;
}

export class SimulatedClock implements Clock {
  time = 0;
  /** Timers set and neither fired nor called off. */
  armed = 0;
  /** Timers set so far. */
  set = 0;
  private events: Event[] = [];
  private order = 0;

  now(): number {
    return this.time;
  }

  /** It began on 1 January 2030. */
  unix(): number {
    return 1_893_456_000_000 + this.time;
  }

  after(delayMs: number, call: () => void): () => void {
    const event = { at: this.time + Math.max(0, delayMs), order: this.order++, call, off: false };
    let index = this.events.length;
    while (index > 0 && this.events[index - 1]!.at > event.at) index--;
    this.events.splice(index, 0, event);
    this.armed++;
    this.set++;
    return () => {
      if (!event.off) this.armed--;
      event.off = true;
    };
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  /** Lets so much time pass; what follows from an event by promises happens before the next one. */
  async pass(ms: number): Promise<void> {
    const end = this.time + ms;
    await settle();
    for (let event = this.events[0]; event !== undefined && event.at <= end; event = this.events[0]) {
      this.events.shift();
      if (event.off) continue;
      event.off = true;
      this.armed--;
      this.time = Math.max(this.time, event.at);
      event.call();
      await settle();
    }
    this.time = end;
  }
}

/** Until promises have nothing more to do. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** An image of the simulated engine, which embeds it as itself. */
export function numbered(first: number, count: number): Images {
  const data = new Float32Array(count * 3);
  for (let index = 0; index < count; index++) data[3 * index] = first + index;
  return { kind: 'input', count, data };
}

/** Takes `batchMs + n imageMs` for a batch of n, one after the other. */
export class SimulatedBackbone implements Backbone {
  readonly name = 'simulated';
  readonly identity = 'simulated';
  readonly dimensions = 1;
  readonly image = { size: 1, resize: 1, channels: 'rgb', scale: 1, mean: [0, 0, 0], std: [1, 1, 1] } as const;
  readonly info = { engine: 'sparse', isa: 'scalar', threads: 1, sparsity: 0.9, output: 'features' } as const;
  /** The images of each batch, when it was handed over and when it began. */
  readonly batches: { readonly images: number[]; readonly at: number; readonly began: number }[] = [];
  /** Milliseconds that it ran nothing, since it began. */
  idleMs = 0;
  /** By how much the next batch takes longer than it should. */
  slowness = () => 1;
  private freeAt = 0;
  waiting = 0;
  mostWaiting = 0;

  constructor(
    private readonly clock: SimulatedClock,
    public batchMs: number,
    public imageMs: number,
  ) {}

  async embed(items: readonly Images[]): Promise<EmbeddedBatch> {
    const images = items.flatMap(({ data }) => Array.from(data).filter((_, index) => index % 3 === 0));
    const { time } = this.clock;
    const began = Math.max(time, this.freeAt);
    const computeMs = (this.batchMs + images.length * this.imageMs) * this.slowness();
    this.idleMs += began - this.freeAt;
    this.freeAt = began + computeMs;
    this.batches.push({ images, at: time, began });
    this.waiting++;
    this.mostWaiting = Math.max(this.mostWaiting, this.waiting);
    await this.clock.sleep(this.freeAt - time);
    this.waiting--;
    return { embeddings: Float32Array.from(images), computeMs };
  }

  async close(): Promise<void> {}
}

/** Numbers from 0 to 1, the same ones for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
