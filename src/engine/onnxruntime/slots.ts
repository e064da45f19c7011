import type { Images } from '../backbone.js';
import type { RunItem } from './messages.js';

/** Shared memory that the pixels of one batch lie in until the worker has answered. */
export interface Slot {
  memory: Uint8Array<SharedArrayBuffer>;
}

/**
 * A few slots, used again and again: a batch costs one copy of its pixels, and no buffers for the garbage collectors of two
 * threads (whose full collections are set off by them). A slot is about as large as the largest batch so far.
 */
export class SlotPool {
  readonly #free: Slot[];
  readonly #maxBytes: number;

  /** @param maxBytes of one slot; larger batches get none. */
  constructor(slots: number, maxBytes: number) {
    this.#free = Array.from({ length: slots }, () => ({ memory: new Uint8Array(new SharedArrayBuffer(0)) }));
    this.#maxBytes = maxBytes;
  }

  /** A slot of at least so many bytes, to be given back; undefined when all are lent, or that is too much for one. */
  lend(bytes: number): Slot | undefined {
    if (bytes > this.#maxBytes) return undefined;
    const slot = this.#free.pop();
    if (slot === undefined) return undefined;
    if (slot.memory.length < bytes) {
      // At least doubled, so that batches that grow step by step leave little behind.
      const length = Math.max(bytes, Math.min(2 * slot.memory.length, this.#maxBytes));
      slot.memory = new Uint8Array(new SharedArrayBuffer(length));
    }
    return slot;
  }

  giveBack(slot: Slot): void {
    this.#free.push(slot);
  }
}

/** A batch as it is posted to the worker. */
export interface LaidOut {
  readonly items: readonly RunItem[];
  readonly transfer: ArrayBuffer[];
  /** Holds the pixels until the worker has answered; undefined: they are transferred. */
  readonly slot: Slot | undefined;
}

/** Copies a batch's pixels into a slot, neighbours as one item. `input`, and pixels that get no slot, are transferred. */
export function layOut(images: readonly Images[], pool: SlotPool): LaidOut {
  const pixelBytes = images.reduce((sum, { kind, data }) => sum + (kind === 'pixels' ? data.length : 0), 0);
  const slot = pixelBytes === 0 ? undefined : pool.lend(pixelBytes);
  const items: RunItem[] = [];
  const transfer = new Set<ArrayBuffer>();
  let position = 0;
  for (const image of images) {
    if (slot === undefined || image.kind === 'input') {
      const own = transferable(image);
      items.push(own);
      transfer.add(own.data.buffer);
      continue;
    }
    slot.memory.set(image.data, position);
    const neighbour = items.at(-1)?.kind === 'pixels' ? items.pop() : undefined;
    const start = position - (neighbour?.data.length ?? 0);
    position += image.data.length;
    const count = image.count + (neighbour?.count ?? 0);
    items.push({ kind: 'pixels', count, data: slot.memory.subarray(start, position) });
  }
  return { items, transfer: [...transfer], slot };
}

/**
 * The same images in a buffer that can be handed over whole. A view on part of a larger buffer is copied: transferring would
 * take the rest from its owner (and Node's shared pool of small Buffers can't be transferred at all).
 */
function transferable(images: Images): Images {
  if (images.data.byteLength === images.data.buffer.byteLength) return images;
  return images.kind === 'pixels' ? { ...images, data: images.data.slice() } : { ...images, data: images.data.slice() };
}
