import { encodeAct, encodeSample, type LoggedAct, type Sample } from '../../../../src/learner/fold/log-entry.js';
import { defaultLearnerOptions } from '../../../../src/learner/learners/learner-options.js';
import type { HeadDefinition } from '../../../../src/learner/types.js';
import { blobs } from '../../../contract/learner/blobs.js';

/** A head on embeddings of 12 numbers. */
export function definitionOf(changes: Partial<HeadDefinition> = {}): HeadDefinition {
  return {
    name: 'animals',
    generation: 2,
    backbone: 'tiny',
    backboneIdentity: 'f00d',
    dimensions: 12,
    classes: 'open',
    maxClasses: 100,
    learner: defaultLearnerOptions,
    createdAtMs: 5,
    ...changes,
  };
}

/** A sample of that head, with what is not given left at something valid. */
export function entryOf(changes: Partial<Sample> = {}): Uint8Array {
  return encodeSample({
    id: 'one',
    label: 'cat',
    embedding: new Float32Array(12).fill(1),
    backboneIdentity: 'f00d',
    origin: { streamCreated: '2026-01-01T00:00:00Z', sequence: 1 },
    form: 'embedding',
    labelledAtMs: 7,
    ...changes,
  });
}

/** An act as the log holds it. */
export function actOf(change: LoggedAct): Uint8Array {
  return encodeAct({ id: '0193-4', atMs: 9.5, change });
}

/** A log that has joined samples right and wrong, new classes on the way, and entries that can't be learned. */
export function logOf(count: number): { bytes: Uint8Array; sequence: number }[] {
  const data = blobs(12, 6);
  return Array.from({ length: count }, (_, i) => {
    const known = Math.min(6, 2 + Math.floor(i / 60));
    const c = data.randomClass(known);
    const predicted = ['', `class ${c}`, 'class 0'][i % 3]!;
    const served = i % 2 === 0 ? { version: predicted === '' ? 0 : 1, predicted, servedAtMs: i } : undefined;
    const embedding = i % 50 === 49 ? new Float32Array(3) : data.embedding(c);
    return { bytes: entryOf({ id: `id ${i}`, label: `class ${c}`, embedding, served }), sequence: 3 * i + 2 };
  });
}
