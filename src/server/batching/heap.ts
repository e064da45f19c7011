/** What stands in a heap knows its place there: it can leave from the middle. */
export interface HeapItem {
  /** -1: in no heap. Written by the heap alone. */
  heapIndex: number;
}

/** Binary min-heap; `before` is its order. Every act takes O(log n), looking at the first O(1). */
export class Heap<T extends HeapItem> {
  private readonly items: T[] = [];

  constructor(private readonly before: (a: T, b: T) => boolean) {}

  get size(): number {
    return this.items.length;
  }

  get first(): T | undefined {
    return this.items[0];
  }

  /** In no particular order. */
  values(): readonly T[] {
    return this.items;
  }

  push(item: T): void {
    item.heapIndex = this.items.length;
    this.items.push(item);
    this.up(item);
  }

  /** To be called when an item's rank has changed. */
  update(item: T): void {
    this.up(item);
    this.down(item);
  }

  /** Does nothing with an item that is not there. */
  remove(item: T): void {
    const index = item.heapIndex;
    if (index < 0) return;
    const last = this.items.pop()!;
    item.heapIndex = -1;
    if (last === item) return;
    this.place(last, index);
    this.update(last);
  }

  private place(item: T, index: number): void {
    this.items[index] = item;
    item.heapIndex = index;
  }

  private up(item: T): void {
    let index = item.heapIndex;
    while (index > 0) {
      const parent = this.items[(index - 1) >> 1]!;
      if (!this.before(item, parent)) break;
      this.place(parent, index);
      index = (index - 1) >> 1;
    }
    this.place(item, index);
  }

  private down(item: T): void {
    let index = item.heapIndex;
    for (;;) {
      const left = this.items[2 * index + 1];
      const right = this.items[2 * index + 2];
      const least = right !== undefined && this.before(right, left!) ? right : left;
      if (least === undefined || !this.before(least, item)) break;
      const next = least.heapIndex;
      this.place(least, index);
      index = next;
    }
    this.place(item, index);
  }
}
