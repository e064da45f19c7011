// Which images go through the backbone next: pure bookkeeping, no clock and no promises.
import { Heap, type HeapItem } from './heap.js';

/** A request in line. */
export interface QueueEntry {
  /** N, its images. */
  readonly count: number;
  /** Whose it is. */
  readonly client: string;
}

/** Consecutive images of one request that go into a batch. */
export interface BatchPart<E> {
  readonly entry: E;
  /** Index of the first of them within the request. */
  readonly from: number;
  readonly count: number;
}

/** Where a request stands in line; a link of its client's list. */
export interface Place<E> {
  readonly entry: E;
  /** Images that have left already. */
  taken: number;
  previous: Place<E> | undefined;
  next: Place<E> | undefined;
  /** undefined: it stands in line no more. */
  flow: Flow<E> | undefined;
}

/** The requests of one client, in order of arrival. */
interface Flow<E> extends HeapItem {
  readonly client: string;
  /** Virtual time at which its next images start. */
  start: number;
  /** Order among equals: who came first. */
  readonly order: number;
  first: Place<E> | undefined;
  last: Place<E> | undefined;
  images: number;
}

/** Clients with nothing in line whose share of the recent past is remembered, at most. */
const MOST_IDLE_FLOWS = 1024;

/**
 * Requests of many clients that take turns: start-time fair queueing (Goyal, Vin, Cheng: "Start-time fair queueing",
 * SIGCOMM 1996, section 2), counted in images. Each client has a virtual start time, which goes on by one for each of its
 * images that is served; the least goes first, and one who comes back starts at the virtual time of who was served last. So clients
 * that always have something in line get equal numbers of images, and one with little never waits behind the whole line
 * of another. A client's own requests stay in order; one larger than a batch leaves in several parts.
 *
 * A client is forgotten when virtual time has passed what it got, at the latest when nothing is in line.
 */
export class FairQueue<E extends QueueEntry> {
  private readonly flows = new Map<string, Flow<E>>();
  private readonly heap = new Heap<Flow<E>>((a, b) => a.start < b.start || (a.start === b.start && a.order < b.order));
  /** Those of `flows` with nothing in line, the longest idle first. */
  private readonly idle = new Set<Flow<E>>();
  private virtualTime = 0;
  private arrivals = 0;
  private images = 0;

  /** Images in line. */
  get depth(): number {
    return this.images;
  }

  /** Clients remembered: with something in line, or served more than their turn lately. */
  get clients(): number {
    return this.flows.size;
  }

  push(entry: E): Place<E> {
    const flow = this.flowOf(entry.client);
    const place: Place<E> = { entry, taken: 0, previous: flow.last, next: undefined, flow };
    if (flow.last === undefined) flow.first = place;
    else flow.last.next = place;
    flow.last = place;
    flow.images += entry.count;
    this.images += entry.count;
    return place;
  }

  /** Takes a request out of the line, what has left of it excepted. @returns how many images were still in line. */
  remove(place: Place<E>): number {
    const { flow } = place;
    if (flow === undefined) return 0;
    const left = place.entry.count - place.taken;
    flow.images -= left;
    this.images -= left;
    this.unlink(place, flow);
    return left;
  }

  /**
   * At most `room` images, those whose turn it is. `admit` is asked of a request each time that images of it would go; one
   * that it refuses (too late, its head is gone) leaves the line and costs no place.
   */
  take(room: number, admit: (entry: E) => boolean, parts: BatchPart<E>[] = []): BatchPart<E>[] {
    let left = room;
    while (left > 0) {
      const flow = this.nextFlow();
      if (flow === undefined) break;
      const place = flow.first!;
      const { entry, taken: from } = place;
      const admitted = admit(entry);
      // Whoever refuses may have taken it out itself.
      if (place.flow === undefined) continue;
      if (!admitted) {
        this.remove(place);
        continue;
      }
      const count = Math.min(left, entry.count - from);
      parts.push({ entry, from, count });
      left -= count;
      this.serve(flow, place, count);
    }
    return parts;
  }

  /** Images that a client has in line. */
  imagesOf(client: string): number {
    return this.flows.get(client)?.images ?? 0;
  }

  /**
   * How many images of other clients go before the last of `count` new ones of this client that come behind `before` of its own.
   * Later arrivals are not foreseen, but for `refilling`: then those who have something in line are taken to bring more
   * before their turn is over, as they do under overload. O(clients in line).
   */
  ahead(client: string, before: number, count: number, refilling = false): number {
    const own = this.flows.get(client);
    const lastStart = Math.max(own?.start ?? 0, this.virtualTime) + before + count - 1;
    let sum = 0;
    for (const flow of this.heap.values()) {
      if (flow === own || flow.images === 0 || flow.start > lastStart) continue;
      const turns = lastStart - flow.start + 1;
      sum += refilling ? turns : Math.min(flow.images, turns);
    }
    return sum;
  }

  /** Every request in line. */
  *entries(): IterableIterator<E> {
    for (const flow of this.flows.values()) {
      for (let place = flow.first; place !== undefined; place = place.next) yield place.entry;
    }
  }

  private flowOf(client: string): Flow<E> {
    let flow = this.flows.get(client);
    if (flow === undefined) {
      const order = this.arrivals++;
      flow = { client, start: this.virtualTime, order, first: undefined, last: undefined, images: 0, heapIndex: -1 };
      this.flows.set(client, flow);
      this.heap.push(flow);
    } else if (this.idle.delete(flow) && flow.start < this.virtualTime) {
      flow.start = this.virtualTime;
      this.heap.update(flow);
    }
    return flow;
  }

  /** The client whose turn it is; those without anything in line that virtual time has passed are forgotten. */
  private nextFlow(): Flow<E> | undefined {
    for (let flow = this.heap.first; flow !== undefined; flow = this.heap.first) {
      if (flow.first !== undefined) return flow;
      this.forget(flow);
    }
    return undefined;
  }

  private serve(flow: Flow<E>, place: Place<E>, count: number): void {
    this.virtualTime = Math.max(this.virtualTime, flow.start);
    flow.start += count;
    flow.images -= count;
    this.images -= count;
    place.taken += count;
    this.heap.update(flow);
    if (place.taken === place.entry.count) this.unlink(place, flow);
  }

  private unlink(place: Place<E>, flow: Flow<E>): void {
    if (place.previous === undefined) flow.first = place.next;
    else place.previous.next = place.next;
    if (place.next === undefined) flow.last = place.previous;
    else place.next.previous = place.previous;
    place.flow = undefined;
    if (flow.first !== undefined) return;
    this.idle.add(flow);
    if (this.images === 0) this.forgetAll();
    else if (this.idle.size > MOST_IDLE_FLOWS) this.forget(this.idle.values().next().value!);
  }

  private forget(flow: Flow<E>): void {
    this.idle.delete(flow);
    this.heap.remove(flow);
    this.flows.delete(flow.client);
  }

  /** Nobody waits: nobody has been kept from anything. */
  private forgetAll(): void {
    for (const flow of this.idle) this.forget(flow);
    this.virtualTime = 0;
  }
}
