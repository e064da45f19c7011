/** Room for classes: a multiple of eight by doubling, so that a new class is cheap on average and memory follows from the count alone. */
export function capacityFor(classes: number): number {
  let capacity = 8;
  while (capacity < classes) capacity *= 2;
  return capacity;
}

/** A growing matrix of FP64 numbers with one row for each class. */
export class ClassRows {
  /** [capacity, width], row-major; the rows from `count` on are zeros. Replaced when it has to grow. */
  values: Float64Array;
  private rows: number;

  /** @param initial The rows there are, copied: [count, width]. */
  constructor(
    readonly width: number,
    initial: Float64Array = new Float64Array(0),
  ) {
    this.rows = initial.length / width;
    this.values = new Float64Array(capacityFor(this.rows) * width);
    this.values.set(initial);
  }

  get count(): number {
    return this.rows;
  }

  /** Adds a row of zeros. */
  add(): void {
    this.rows += 1;
    if (this.rows * this.width <= this.values.length) return;
    const grown = new Float64Array(capacityFor(this.rows) * this.width);
    grown.set(this.values);
    this.values = grown;
  }

  /** Removes a row: those after it move down by one. */
  remove(index: number): void {
    this.values.copyWithin(index * this.width, (index + 1) * this.width, this.rows * this.width);
    this.rows -= 1;
    this.values.fill(0, this.rows * this.width, (this.rows + 1) * this.width);
  }

  /** A view of one row, valid until rows are added or removed. */
  row(index: number): Float64Array {
    return this.values.subarray(index * this.width, (index + 1) * this.width);
  }

  /** A copy of the rows there are: [count, width]. */
  copy(): Float64Array<ArrayBuffer> {
    return this.values.slice(0, this.rows * this.width);
  }
}
