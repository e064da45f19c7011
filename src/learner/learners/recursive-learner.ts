import { z } from 'zod';
import { checkClass, checkLength, checkSample } from './check-sample.js';
import { Coordinates } from './coordinates.js';
import { HeldSamples } from './held-samples.js';
import type { DriftChange, Learner, LearnerState, LinearClassifier } from './learner.js';
import { count, readFloat32, readFloat64, readIndices, readMetadata } from './read-state.js';
import type { RecursiveCore } from './recursive-core.js';
import { servingWeights } from './serving-weights.js';

/** Samples that the coordinates are made from. */
const WARM_UP = 64;

const metadataSchema = z.object({
  core: z.unknown(),
  coordinates: z.object({ count, typical: z.number().nonnegative() }),
  /** How many samples are held; null: the warm-up is over. */
  held: count.max(WARM_UP).nullable(),
});

/** What makes the core of a `RecursiveLearner`. @throws LearnerError snapshot_corrupt */
export type CoreMaker = (state?: LearnerState) => RecursiveCore;

/**
 * A learner whose core works in coordinates that have to be fixed, since its state can't be carried over to others. They come from the stream's
 * first samples: these are held, and whenever their number has doubled, the coordinates are made anew and a new core learns them from the
 * start. After WARM_UP samples (more while all embeddings are equal) this ends.
 */
export class RecursiveLearner implements Learner {
  private core: RecursiveCore;
  private coordinates: Coordinates;
  /** undefined when the warm-up is over. */
  private held: HeldSamples | undefined;
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
      this.held = new HeldSamples(dimensions, WARM_UP);
      return;
    }
    const { arrays } = state;
    const { core, coordinates, held } = readMetadata(state, metadataSchema);
    this.core = makeCore({ metadata: core, arrays });
    const [offset, scale] = [readFloat64(arrays, 'offset', dimensions), readFloat64(arrays, 'scale', dimensions)];
    this.coordinates = new Coordinates({ ...coordinates, offset, scale });
    if (held === null) return;
    const embeddings = readFloat32(arrays, 'heldEmbeddings', held * dimensions);
    const labels = readIndices(arrays, 'heldLabels', held, this.core.classCount);
    this.held = new HeldSamples(dimensions, WARM_UP, { embeddings, labels });
  }

  get classCount(): number {
    return this.core.classCount;
  }

  get bytes(): number {
    return this.core.bytes + (this.held?.bytes ?? 0);
  }

  addClass(): number {
    this.core.addClass();
    return this.classCount - 1;
  }

  removeClass(index: number): void {
    checkClass(index, this.classCount);
    this.core.removeClass(index);
    this.held?.removeClass(index);
  }

  learnOne(embedding: Float32Array, classIndex: number): void {
    checkSample(embedding, classIndex, this);
    if (this.held) this.warmUp(this.held, embedding, classIndex);
    else this.teach(embedding, classIndex);
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

  forget({ recent }: DriftChange): void {
    this.core.forget(recent);
  }

  waitsFor(): undefined {}

  settled(): undefined {}

  snapshot(): LearnerState {
    const { offset, scale, ...coordinates } = this.coordinates.snapshot();
    const core = this.core.snapshot();
    const held = this.held?.snapshot();
    return {
      metadata: { core: core.metadata, coordinates, held: held ? held.labels.length : null },
      arrays: {
        ...core.arrays,
        offset,
        scale,
        ...(held && { heldEmbeddings: held.embeddings, heldLabels: held.labels }),
      },
    };
  }

  private teach(embedding: Float32Array, classIndex: number): void {
    this.coordinates.applyBounded(embedding, this.input);
    this.core.learnOne(this.input, classIndex);
  }

  private warmUp(held: HeldSamples, embedding: Float32Array, classIndex: number): void {
    held.add(embedding, classIndex);
    const ends = held.full && held.vary;
    if (ends || (!held.full && isPowerOfTwo(held.count))) this.startAnew(held);
    else this.teach(embedding, classIndex);
    if (ends) this.held = undefined;
  }

  private startAnew(held: HeldSamples): void {
    const { classCount } = this;
    const samples = held.samples();
    this.coordinates = Coordinates.of(
      samples.map(({ embedding }) => embedding),
      this.dimensions,
    );
    this.core = this.makeCore();
    for (let c = 0; c < classCount; c++) this.core.addClass();
    for (const { embedding, classIndex } of samples) this.teach(embedding, classIndex);
  }
}

function isPowerOfTwo(value: number): boolean {
  return (value & (value - 1)) === 0;
}
