import { z } from 'zod';
import { checkClass, checkLength, checkSample } from '../check-sample.js';
import type { DriftChange, Learner, LearnerState, LinearClassifier } from '../learner.js';
import { count, readFloat32, readFloat64, readIndices, readMetadata } from '../read-state.js';
import { servingWeights } from '../serving-weights.js';
import { worthOfOld } from '../worth-of-old.js';
import { Coordinates } from './coordinates.js';
import { type HeldSample, HeldSamples } from './held-samples.js';
import type { RecursiveCore } from './recursive-core.js';

/** Samples that the coordinates are made from. */
const WARM_UP = 64;
/** Samples that are held. */
const HELD = 128;

const metadataSchema = z.object({
  core: z.unknown(),
  coordinates: z.object({ count, typical: z.number().nonnegative() }),
  held: count.max(HELD),
  /** Whether the coordinates are final. */
  warm: z.boolean(),
});

/** Memory of the samples that a `RecursiveLearner` holds. */
export function heldBytes(dimensions: number): number {
  return HELD * dimensions * Float32Array.BYTES_PER_ELEMENT;
}

/** What makes the core of a `RecursiveLearner`. @throws LearnerError snapshot_corrupt */
export type CoreMaker = (state?: LearnerState) => RecursiveCore;

/**
 * A learner whose core works in coordinates that have to be fixed, since its state can't be carried over to others. They come from the stream's
 * first samples: whenever their number has doubled, the coordinates are made anew and a new core learns them from the start. After WARM_UP
 * samples (more while all embeddings are equal) this ends.
 *
 * It holds the newest samples, for this, and to learn them anew when the world has changed.
 */
export class RecursiveLearner implements Learner {
  private core: RecursiveCore;
  private coordinates: Coordinates;
  private readonly held: HeldSamples;
  private warm = false;
  private readonly input: Float64Array;

  /** @param state What `snapshot` gave; undefined: nothing learned, no classes. @throws LearnerError snapshot_corrupt */
  constructor(
    readonly kind: 'slda' | 'rls',
    readonly dimensions: number,
    private readonly makeCore: CoreMaker,
    state?: LearnerState,
  ) {
    this.input = new Float64Array(dimensions);
    if (!state) {
      this.core = makeCore();
      this.coordinates = Coordinates.of([], dimensions);
      this.held = new HeldSamples(dimensions, HELD);
      return;
    }
    const { arrays } = state;
    const { core, coordinates, held, warm } = readMetadata(state, metadataSchema);
    this.core = makeCore({ metadata: core, arrays });
    const [offset, scale] = [readFloat64(arrays, 'offset', dimensions), readFloat64(arrays, 'scale', dimensions)];
    this.coordinates = new Coordinates({ ...coordinates, offset, scale });
    const embeddings = readFloat32(arrays, 'heldEmbeddings', held * dimensions);
    const labels = readIndices(arrays, 'heldLabels', held, this.core.classCount);
    this.held = new HeldSamples(dimensions, HELD, { embeddings, labels });
    this.warm = warm;
  }

  get classCount(): number {
    return this.core.classCount;
  }

  get bytes(): number {
    return this.core.bytes + this.held.bytes;
  }

  addClass(): number {
    this.core.addClass();
    return this.classCount - 1;
  }

  removeClass(index: number): void {
    checkClass(index, this.classCount);
    this.core.removeClass(index);
    this.held.removeClass(index);
  }

  learnOne(embedding: Float32Array, classIndex: number): void {
    checkSample(embedding, classIndex, this);
    this.held.add(embedding, classIndex);
    if (this.warm) this.teach(embedding, classIndex);
    else this.warmUp(embedding, classIndex);
  }

  predict(embedding: Float32Array): Float64Array {
    checkLength(embedding, this.dimensions);
    this.coordinates.apply(embedding, this.input);
    return this.core.logits(this.input);
  }

  serving(): LinearClassifier {
    const { offset, scale } = this.coordinates;
    return servingWeights({ ...this.core.classifier(), offset, scale }, this.classCount);
  }

  forget(change: DriftChange): void {
    const worth = worthOfOld(change);
    this.core.forget(worth);
    // The samples of the new world among what was forgotten count fully.
    if (worth < change.recent) this.teachAll(this.held.newest(change.recent));
  }

  waitsFor(): undefined {}

  settled(): undefined {}

  snapshot(): LearnerState {
    const { offset, scale, ...coordinates } = this.coordinates.snapshot();
    const core = this.core.snapshot();
    const { embeddings: heldEmbeddings, labels: heldLabels } = this.held.snapshot();
    return {
      metadata: { core: core.metadata, coordinates, held: heldLabels.length, warm: this.warm },
      arrays: { ...core.arrays, offset, scale, heldEmbeddings, heldLabels },
    };
  }

  private teach(embedding: Float32Array, classIndex: number): void {
    this.coordinates.applyBounded(embedding, this.input);
    this.core.learnOne(this.input, classIndex);
  }

  private teachAll(samples: readonly HeldSample[]): void {
    for (const { embedding, classIndex } of samples) this.teach(embedding, classIndex);
  }

  private warmUp(embedding: Float32Array, classIndex: number): void {
    const { held } = this;
    this.warm = held.count >= WARM_UP && held.vary;
    if (this.warm || (held.count < WARM_UP && isPowerOfTwo(held.count))) this.startAnew();
    else this.teach(embedding, classIndex);
  }

  private startAnew(): void {
    const { classCount } = this;
    const samples = this.held.newest(HELD);
    const embeddings = samples.map(({ embedding }) => embedding);
    this.coordinates = Coordinates.of(embeddings, this.dimensions);
    this.core = this.makeCore();
    for (let c = 0; c < classCount; c++) this.core.addClass();
    this.teachAll(samples);
  }
}

function isPowerOfTwo(value: number): boolean {
  return (value & (value - 1)) === 0;
}
