import type { Backbone, EmbeddedBatch, Images } from '../../src/engine/index.js';

export interface FakeBackboneOptions {
  readonly name?: string;
  readonly size?: number;
  readonly dimensions?: number;
  /** Batches end when `finish` is called instead of at once. */
  readonly manual?: boolean;
}

/** Embeds an image as [mean of its values, mean, ...]; batches run one after the other, as the real one's do. */
export class FakeBackbone implements Backbone {
  readonly name: string;
  readonly identity: string;
  readonly dimensions: number;
  readonly image: Backbone['image'];
  readonly info = { engine: 'onnxruntime', isa: 'scalar', threads: 1, sparsity: 0.5, output: 'features' } as const;
  /** Images of each batch, in the order they came. */
  readonly batches: number[] = [];
  closed = false;
  /** Thrown by the next batches while set. */
  failure: Error | undefined;
  private readonly manual: boolean;
  private readonly pending: (() => void)[] = [];

  constructor(options: FakeBackboneOptions = {}) {
    this.name = options.name ?? 'tiny';
    this.identity = `identity-of-${this.name}`;
    this.dimensions = options.dimensions ?? 3;
    this.manual = options.manual ?? false;
    const size = options.size ?? 4;
    this.image = { size, resize: size, channels: 'rgb', scale: 255, mean: [0, 0, 0], std: [1, 1, 1] };
  }

  async embed(images: readonly Images[]): Promise<EmbeddedBatch> {
    const count = images.reduce((sum, part) => sum + part.count, 0);
    this.batches.push(count);
    if (this.manual) await new Promise<void>((resolve) => this.pending.push(resolve));
    else await new Promise<void>((resolve) => setImmediate(resolve));
    if (this.failure !== undefined) throw this.failure;
    const embeddings = new Float32Array(count * this.dimensions);
    let row = 0;
    for (const part of images) {
      const perImage = part.data.length / part.count;
      for (let index = 0; index < part.count; index++) {
        let sum = 0;
        for (const value of part.data.subarray(index * perImage, (index + 1) * perImage)) sum += value;
        const mean = sum / perImage;
        for (let d = 0; d < this.dimensions; d++) embeddings[row * this.dimensions + d] = mean + d;
        row++;
      }
    }
    return { embeddings, computeMs: 0.01 };
  }

  /** Ends the oldest batch, and lets those who wait for it run. */
  async finish(): Promise<void> {
    this.pending.shift()?.();
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}
