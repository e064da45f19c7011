/** The last `capacity` numbers: a window that counts samples, never time. */
export class Recent {
  private readonly values: Float64Array;
  private next = 0;
  private filled = 0;

  /** @param values Oldest first; of more than `capacity` the newest stay. */
  constructor(capacity: number, values: ArrayLike<number> = []) {
    this.values = new Float64Array(capacity);
    this.replace(values);
  }

  get count(): number {
    return this.filled;
  }

  push(value: number): void {
    const capacity = this.values.length;
    this.values[this.next] = value;
    this.next = this.next + 1 === capacity ? 0 : this.next + 1;
    if (this.filled < capacity) this.filled += 1;
  }

  /** Forgets what there is and takes these, oldest first. */
  replace(values: ArrayLike<number>): void {
    this.next = 0;
    this.filled = 0;
    for (let i = 0; i < values.length; i++) this.push(values[i]!);
  }

  /** The newest `count` values or as many as there are, oldest first: a copy. */
  newest(count = this.filled): Float64Array<ArrayBuffer> {
    const taken = Math.min(count, this.filled);
    const newest = new Float64Array(taken);
    const fromStart = Math.min(taken, this.next);
    const { length } = this.values;
    newest.set(this.values.subarray(length - (taken - fromStart), length));
    newest.set(this.values.subarray(this.next - fromStart, this.next), taken - fromStart);
    return newest;
  }
}
