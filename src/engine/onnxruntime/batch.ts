import type { ImageSettings } from '../backbone.js';
import type { Normaliser } from '../preprocess.js';
import { createNormaliser } from '../preprocess.js';
import type { RunItem } from './messages.js';

export function countImages(items: readonly RunItem[]): number {
  return items.reduce((sum, item) => sum + item.count, 0);
}

/** Lays images one after the other as the network's input. Keeps its memory between batches, as large as the largest so far. */
export class BatchAssembler {
  readonly #normaliser: Normaliser;
  readonly #imageLength: number;
  #memory = new Float32Array(0);

  constructor(image: ImageSettings) {
    this.#normaliser = createNormaliser(image);
    this.#imageLength = 3 * image.size * image.size;
  }

  /** [count, 3, size, size] of all items, valid until the next call. A lone `input` is returned as it is, without a copy. */
  assemble(items: readonly RunItem[]): Float32Array {
    const [only] = items;
    if (items.length === 1 && only?.kind === 'input') return only.data;
    const length = countImages(items) * this.#imageLength;
    if (this.#memory.length < length) this.#memory = new Float32Array(length);
    let position = 0;
    for (const item of items) {
      const part = this.#memory.subarray(position, position + item.data.length);
      if (item.kind === 'pixels') this.#normaliser.normalise(item.data, part, item.count);
      else part.set(item.data);
      position += item.data.length;
    }
    return this.#memory.subarray(0, length);
  }
}
