/** The last `capacity` numbers: a window that counts samples, never time. */
export class Recent {
  private readonly values: Int32Array;
  private next = 0;
  private filled = 0;

  /** @param values Oldest first, at most `capacity`. */
  constructor(capacity: number, values: Int32Array = new Int32Array(0)) {
    this.values = new Int32Array(capacity);
    for (const value of values) this.push(value);
  }

  get count(): number {
    return this.filled;
  }

  push(value: number): void {
    const capacity = this.values.length;
    this.values[this.next] = value;
    this.next = (this.next + 1) % capacity;
    this.filled = Math.min(this.filled + 1, capacity);
  }

  /** The newest `count` values or as many as there are, oldest first. */
  newest(count = this.filled): Int32Array {
    const taken = Math.min(count, this.filled);
    const capacity = this.values.length;
    return Int32Array.from({ length: taken }, (_, i) => this.values[(this.next - taken + i + capacity) % capacity]!);
  }
}
