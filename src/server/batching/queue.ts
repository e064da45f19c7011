// Which images go through the backbone next: pure bookkeeping, no clock and no promises.

/** A request in line. */
export interface QueueEntry {
  /** N, its images. */
  readonly count: number;
}

/** Consecutive images of one request that go into a batch. */
export interface BatchPart<E extends QueueEntry> {
  readonly entry: E;
  /** Index of the first of them within the request. */
  readonly from: number;
  readonly count: number;
}

/** Requests in order of arrival, counted in images. A request larger than a batch leaves in several parts. */
export class ImageQueue<E extends QueueEntry> {
  private readonly entries: E[] = [];
  /** Images of the first entry that have left already. */
  private taken = 0;
  private images = 0;

  /** Images in line. */
  get depth(): number {
    return this.images;
  }

  /** The request whose turn it is. */
  get first(): E | undefined {
    return this.entries[0];
  }

  push(entry: E): void {
    this.entries.push(entry);
    this.images += entry.count;
  }

  /** Takes a request out of the line, what has left of it excepted. @returns how many images were still in line. */
  remove(entry: E): number {
    const index = this.entries.indexOf(entry);
    if (index < 0) return 0;
    const left = entry.count - (index === 0 ? this.taken : 0);
    this.entries.splice(index, 1);
    if (index === 0) this.taken = 0;
    this.images -= left;
    return left;
  }

  /**
   * The next batch: at most `size` images. `admit` is asked once for each request that would be part of it; one that it
   * refuses (cancelled, too late) leaves the line and costs no place.
   */
  take(size: number, admit: (entry: E) => boolean): BatchPart<E>[] {
    const parts: BatchPart<E>[] = [];
    let room = size;
    while (room > 0) {
      const entry = this.entries[0];
      if (entry === undefined) break;
      if (!admit(entry)) {
        this.remove(entry);
        continue;
      }
      const from = this.taken;
      const count = Math.min(room, entry.count - from);
      parts.push({ entry, from, count });
      room -= count;
      this.images -= count;
      this.taken += count;
      if (this.taken < entry.count) break;
      this.entries.shift();
      this.taken = 0;
    }
    return parts;
  }
}
