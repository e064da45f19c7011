export interface HeldState {
  /** [count, dimensions] */
  readonly embeddings: Float32Array;
  /** [count] */
  readonly labels: Int32Array;
}

export interface HeldSample {
  readonly embedding: Float32Array;
  readonly classIndex: number;
}

/** The newest samples of a stream, up to a number. */
export class HeldSamples {
  private readonly held: HeldSample[] = [];

  /** @param state What `snapshot` gave. */
  constructor(
    private readonly dimensions: number,
    private readonly capacity: number,
    state?: HeldState,
  ) {
    state?.labels.forEach((classIndex, n) => {
      this.add(state.embeddings.subarray(n * dimensions, (n + 1) * dimensions), classIndex);
    });
  }

  get count(): number {
    return this.held.length;
  }

  get bytes(): number {
    return this.count * this.dimensions * Float32Array.BYTES_PER_ELEMENT;
  }

  /** Whether two embeddings differ. */
  get vary(): boolean {
    const first = this.held[0]?.embedding;
    return this.held.some(({ embedding }) => embedding.some((value, d) => value !== first![d]));
  }

  /** Takes a copy; the oldest sample goes when there is no room. */
  add(embedding: Float32Array, classIndex: number): void {
    const room = this.count < this.capacity ? new Float32Array(this.dimensions) : this.held.shift()!.embedding;
    room.set(embedding);
    this.held.push({ embedding: room, classIndex });
  }

  /** Drops the samples of a class; later classes move down by one. */
  removeClass(index: number): void {
    const kept = this.held.filter(({ classIndex }) => classIndex !== index);
    const moved = kept.map((each) => ({ ...each, classIndex: each.classIndex - (each.classIndex > index ? 1 : 0) }));
    this.held.splice(0, this.held.length, ...moved);
  }

  /** At most so many, oldest first; valid until the next sample. */
  newest(count: number): readonly HeldSample[] {
    return this.held.slice(Math.max(0, this.count - Math.floor(count)));
  }

  /** A copy. */
  snapshot(): HeldState {
    const { dimensions } = this;
    const embeddings = new Float32Array(this.count * dimensions);
    for (const [n, { embedding }] of this.held.entries()) embeddings.set(embedding, n * dimensions);
    return { embeddings, labels: Int32Array.from(this.held, ({ classIndex }) => classIndex) };
  }
}
