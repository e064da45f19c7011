import { Random } from './random.js';

/** Every so many samples of a class, one is held out: it judges the choice of the penalty, and is known as such as long as it is a member. */
const HOLD_OUT_EVERY = 5;
/** A class's members stand for so many times their number of its newest samples; older ones slowly give way, so slow changes are followed. */
const MEMORY = 16;

/** Members that each class is given beside its own when their shares are compared: those of a few are chance. */
const SHARE_PRIOR = 10;

/** The reservoir as data. */
export interface ReservoirState {
  /** Of the generator. */
  readonly random: readonly number[];
  /** [classes] Samples that each class has had, as far as its members stand for them. */
  readonly seen: readonly number[];
  /** [members, dimensions] */
  readonly embeddings: Float32Array;
  /** [members] */
  readonly labels: Int32Array;
  /** [members] How many samples the learner had learned when the member came, itself included. */
  readonly births: Float64Array;
  /** [members] 1: held out. */
  readonly heldOut: Int32Array;
}

/** What became of a sample. */
export interface Placement {
  /** Where it is now; undefined: it was not taken. */
  readonly slot: number | undefined;
  /** Another sample had this slot before. */
  readonly replaced: boolean;
}

/**
 * A bounded sample of a stream, balanced over its classes (Chrysakis and Moens 2020). Until it is full it keeps everything. Then the class with the most
 * members gives one up for each new sample of a smaller class; a sample of a class that has lost members before takes the place of one of its own, with
 * the probability that leaves the class's members a uniform sample of its history (Vitter 1985). So a rare class keeps all it has.
 *
 * Members are in slots 0 to size - 1. Memory grows with them, up to the capacity.
 */
export class Reservoir {
  private readonly random: Random;
  private members = 0;
  private embeddings: Float32Array;
  private labels: Int32Array;
  private births: Float64Array;
  private heldOut: Int32Array;
  /** By class. */
  private readonly seen: number[];
  private readonly counts: number[];

  /** @param capacity Members at most. */
  constructor(
    readonly dimensions: number,
    readonly capacity: number,
    seed: number,
    restored?: ReservoirState,
  ) {
    this.random = restored ? Random.restore(restored.random) : Random.seeded(seed);
    this.embeddings = restored?.embeddings.slice() ?? new Float32Array(0);
    this.labels = restored?.labels.slice() ?? new Int32Array(0);
    this.births = restored?.births.slice() ?? new Float64Array(0);
    this.heldOut = restored?.heldOut.slice() ?? new Int32Array(0);
    this.seen = [...(restored?.seen ?? [])];
    this.members = this.labels.length;
    this.counts = this.seen.map(() => 0);
    for (const label of this.labels) this.counts[label] = this.counts[label]! + 1;
  }

  get size(): number {
    return this.members;
  }

  /** Memory of the members, in bytes. */
  get bytes(): number {
    return this.embeddings.byteLength + this.labels.byteLength + this.births.byteLength + this.heldOut.byteLength;
  }

  addClass(): void {
    this.seen.push(0);
    this.counts.push(0);
  }

  /** Its members go, and classes after it move down by one. */
  removeClass(index: number): void {
    this.keep((slot) => this.labels[slot] !== index);
    for (let slot = 0; slot < this.members; slot++) {
      if (this.labels[slot]! > index) this.labels[slot] = this.labels[slot]! - 1;
    }
    this.seen.splice(index, 1);
    this.counts.splice(index, 1);
  }

  /** Members of a class. */
  count(classIndex: number): number {
    return this.counts[classIndex]!;
  }

  /** The slot's embedding [dimensions]: a view, valid until the next call that changes members. */
  embedding(slot: number): Float32Array {
    return this.embeddings.subarray(slot * this.dimensions, (slot + 1) * this.dimensions);
  }

  label(slot: number): number {
    return this.labels[slot]!;
  }

  birth(slot: number): number {
    return this.births[slot]!;
  }

  /** A number from 0 to below `bound`, from the reservoir's generator. */
  draw(bound: number): number {
    return this.random.below(bound);
  }

  /** Takes a sample, or not. @param birth Samples learned so far, this one included. */
  add(embedding: Float32Array, classIndex: number, birth: number): Placement {
    const seen = this.seen[classIndex]! + 1;
    this.seen[classIndex] = seen;
    const heldOut = seen % HOLD_OUT_EVERY === Math.ceil(HOLD_OUT_EVERY / 2) ? 1 : 0;
    if (this.members < this.capacity) return this.place(this.append(), false, embedding, classIndex, birth, heldOut);
    const largest = this.largestClass();
    const own = this.counts[classIndex]!;
    const most = this.counts[largest]!;
    const complete = own === seen - 1;
    // One that is not complete, and far behind (classes were removed, and others took their room), catches up, too.
    if (own < (complete ? most : most / 2)) {
      const slot = this.randomMember(largest);
      return this.place(slot, true, embedding, classIndex, birth, heldOut);
    }
    if (own === 0 || this.random.below(Math.min(seen, MEMORY * own)) >= own)
      return { slot: undefined, replaced: false };
    return this.place(this.randomMember(classIndex), true, embedding, classIndex, birth, heldOut);
  }

  /**
   * Members born at or before `birth` go, but for `worth` of them, of each class the newest, as evenly as can be; and each class keeps `least` members, old or
   * new. What is left stands for the new world alone.
   */
  forget(birth: number, worth: number, least: number): void {
    const births = this.counts.map(() => [] as number[]);
    for (let slot = 0; slot < this.members; slot++) births[this.labels[slot]!]!.push(this.births[slot]!);
    for (const of of births) of.sort((a, b) => b - a);
    const young = births.map((of) => of.filter((each) => each > birth).length);
    const quota = evenShare(
      births.map((of, c) => of.length - young[c]!),
      worth,
    );
    // The oldest that stays, by class.
    const limits = births.map((of, c) => of[Math.min(Math.max(young[c]! + quota, least), of.length) - 1] ?? Infinity);
    this.keep((slot) => this.births[slot]! >= limits[this.labels[slot]!]!);
    for (let c = 0; c < this.counts.length; c++) this.seen[c] = this.counts[c]!;
  }

  /** Copies of the members, in the order of their slots; the embeddings in memory that threads share, so that another one need not copy them again. */
  copy(): Pick<ReservoirState, 'embeddings' | 'labels' | 'heldOut'> {
    const length = this.members * this.dimensions;
    const embeddings = new Float32Array(new SharedArrayBuffer(length * Float32Array.BYTES_PER_ELEMENT));
    embeddings.set(this.embeddings.subarray(0, length));
    return { embeddings, labels: this.labels.slice(0, this.members), heldOut: this.heldOut.slice(0, this.members) };
  }

  /**
   * What a member of a class counts in a fit: so much that the class's weight is the geometric mean of what it has in the stream and of an equal share,
   * whether the reservoir is full or not. (With the stream's shares, a class of one sample in a hundred is hardly ever the answer; with equal
   * ones, a class of three samples is too often.)
   */
  weight(classIndex: number): number {
    const own = this.counts[classIndex]!;
    let seen = 0;
    for (const count of this.counts) if (count > 0) seen += 1;
    const share = this.seen[classIndex]! / own;
    return Math.sqrt((share * (this.members / seen + SHARE_PRIOR)) / (own + SHARE_PRIOR));
  }

  snapshot(): ReservoirState {
    return {
      embeddings: this.embeddings.slice(0, this.members * this.dimensions),
      labels: this.labels.slice(0, this.members),
      heldOut: this.heldOut.slice(0, this.members),
      random: this.random.words(),
      seen: [...this.seen],
      births: this.births.slice(0, this.members),
    };
  }

  /** The first of those with the most members. */
  private largestClass(): number {
    let largest = 0;
    for (let c = 1; c < this.counts.length; c++) if (this.counts[c]! > this.counts[largest]!) largest = c;
    return largest;
  }

  /** Slot of one of the class's members, each as likely as the others. */
  private randomMember(classIndex: number): number {
    let left = this.random.below(this.counts[classIndex]!);
    for (let slot = 0; ; slot++) if (this.labels[slot] === classIndex && left-- === 0) return slot;
  }

  /** A new slot at the end. */
  private append(): number {
    if (this.members === this.labels.length) this.grow(Math.min(this.capacity, Math.max(16, this.members * 2)));
    this.labels[this.members] = -1;
    return this.members++;
  }

  private place(
    slot: number,
    replaced: boolean,
    embedding: Float32Array,
    classIndex: number,
    birth: number,
    heldOut: number,
  ): Placement {
    if (replaced) this.counts[this.labels[slot]!] = this.counts[this.labels[slot]!]! - 1;
    this.counts[classIndex] = this.counts[classIndex]! + 1;
    this.embeddings.set(embedding, slot * this.dimensions);
    this.labels[slot] = classIndex;
    this.births[slot] = birth;
    this.heldOut[slot] = heldOut;
    return { slot, replaced };
  }

  /** Removes the members that `stays` is false for; the others keep their order. */
  private keep(stays: (slot: number) => boolean): void {
    let kept = 0;
    for (let slot = 0; slot < this.members; slot++) {
      if (!stays(slot)) {
        this.counts[this.labels[slot]!] = this.counts[this.labels[slot]!]! - 1;
        continue;
      }
      this.embeddings.copyWithin(kept * this.dimensions, slot * this.dimensions, (slot + 1) * this.dimensions);
      this.labels[kept] = this.labels[slot]!;
      this.births[kept] = this.births[slot]!;
      this.heldOut[kept] = this.heldOut[slot]!;
      kept += 1;
    }
    this.members = kept;
  }

  private grow(capacity: number): void {
    this.embeddings = grown(this.embeddings, new Float32Array(capacity * this.dimensions));
    this.labels = grown(this.labels, new Int32Array(capacity));
    this.births = grown(this.births, new Float64Array(capacity));
    this.heldOut = grown(this.heldOut, new Int32Array(capacity));
  }
}

/** The largest whole number so that the sum of what each has of it, min(count, number), is at most `limit`. */
function evenShare(counts: readonly number[], limit: number): number {
  const most = Math.max(0, ...counts);
  for (let share = 0; share < most; share++) {
    if (counts.reduce((sum, count) => sum + Math.min(count, share + 1), 0) > limit) return share;
  }
  return most;
}

function grown<T extends Float32Array | Float64Array | Int32Array>(old: T, larger: T): T {
  larger.set(old);
  return larger;
}
