import type { Clock } from './clock.js';
import { Heap, type HeapItem } from './heap.js';

/** Something with a deadline, in the clock's `now`. */
export interface Expiring extends HeapItem {
  readonly deadline: number;
}

/** Tells of those whose deadline has passed, at that time, with one timer for all of them. */
export class Deadlines<T extends Expiring> {
  private readonly heap = new Heap<T>((a, b) => a.deadline < b.deadline);
  private armedFor = Number.POSITIVE_INFINITY;
  private disarm: (() => void) | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly onExpired: (item: T) => void,
  ) {}

  get size(): number {
    return this.heap.size;
  }

  /** Items without an end (Infinity) need not be added. */
  add(item: T): void {
    if (item.deadline === Number.POSITIVE_INFINITY) return;
    this.heap.push(item);
    if (item.deadline < this.armedFor) this.arm();
  }

  /** The timer stays as it is: it finds nothing to do, or something later. */
  remove(item: T): void {
    this.heap.remove(item);
  }

  close(): void {
    this.disarm?.();
    this.disarm = undefined;
    this.armedFor = Number.POSITIVE_INFINITY;
  }

  private arm(): void {
    this.close();
    const { first } = this.heap;
    if (first === undefined) return;
    this.armedFor = first.deadline;
    const delay = Math.max(1, Math.ceil(first.deadline - this.clock.now()));
    this.disarm = this.clock.after(delay, () => this.fire(), true);
  }

  private fire(): void {
    const now = this.clock.now();
    for (let item = this.heap.first; item !== undefined && item.deadline <= now; item = this.heap.first) {
      this.heap.remove(item);
      this.onExpired(item);
    }
    this.arm();
  }
}
