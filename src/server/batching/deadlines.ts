import { Alarm } from './alarm.js';
import type { Clock } from './clock.js';
import { Heap, type HeapItem } from './heap.js';

/** Something with a deadline, in the clock's `now`. */
export interface Expiring extends HeapItem {
  readonly deadline: number;
}

/** Tells of those whose deadline has passed, at that time, with one timer for all of them. */
export class Deadlines<T extends Expiring> {
  private readonly heap = new Heap<T>((a, b) => a.deadline < b.deadline);
  private readonly alarm: Alarm;

  constructor(
    private readonly clock: Clock,
    private readonly onExpired: (item: T) => void,
  ) {
    this.alarm = new Alarm(clock, () => this.fire(), true);
  }

  get size(): number {
    return this.heap.size;
  }

  /** Infinity: there is none. */
  get earliest(): number {
    return this.heap.first?.deadline ?? Number.POSITIVE_INFINITY;
  }

  /** Items without an end (Infinity) need not be added. */
  add(item: T): void {
    if (item.deadline === Number.POSITIVE_INFINITY) return;
    this.heap.push(item);
    if (item.deadline < (this.alarm.setTo ?? Number.POSITIVE_INFINITY)) this.alarm.set(item.deadline);
  }

  /** The timer stays as it is: it finds nothing to do, or something later. */
  remove(item: T): void {
    this.heap.remove(item);
  }

  close(): void {
    this.alarm.set(undefined);
  }

  private fire(): void {
    const now = this.clock.now();
    for (let item = this.heap.first; item !== undefined && item.deadline <= now; item = this.heap.first) {
      this.heap.remove(item);
      this.onExpired(item);
    }
    // A timer may be early by less than a millisecond.
    const next = this.heap.first?.deadline;
    this.alarm.set(next === undefined ? undefined : Math.max(next, now + 1));
  }
}
