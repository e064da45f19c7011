import { z } from 'zod';
import { readFloat32, readFloat64, readIndices } from '../learners/read-state.js';
import { OLD_SAMPLES, type OldSamplesState } from './candidates/old-samples.js';
import { corrupt, type SnapshotArray } from './snapshot-container.js';

const count = z.number().int().nonnegative();

/** What the header of a state says of the old samples. */
export const oldSamplesSchema = z.object({
  next: count,
  /** By class. */
  seen: z.array(count),
  random: z.array(z.number().int()).length(4),
});
type OldSamplesMetadata = z.infer<typeof oldSamplesSchema>;

/** The arrays are taken over, not copied. */
export function encodeOldSamples({ next, reservoir }: OldSamplesState): {
  metadata: OldSamplesMetadata;
  arrays: Record<string, SnapshotArray>;
} {
  const { embeddings, labels, births, heldOut, seen, random } = reservoir;
  return {
    metadata: { next, seen: [...seen], random: [...random] },
    arrays: { 'old/embeddings': embeddings, 'old/labels': labels, 'old/births': births, 'old/heldOut': heldOut },
  };
}

/** @param classes How many there are. @throws LearnerError snapshot_corrupt */
export function decodeOldSamples(
  { next, seen, random }: OldSamplesMetadata,
  arrays: Readonly<Record<string, SnapshotArray>>,
  { dimensions, classes }: { readonly dimensions: number; readonly classes: number },
): OldSamplesState {
  const members = arrays['old/births']?.length ?? 0;
  if (seen.length !== classes || members > OLD_SAMPLES) throw corrupt('its old samples are wrong');
  const reservoir = {
    seen,
    random,
    embeddings: readFloat32(arrays, 'old/embeddings', members * dimensions),
    labels: readIndices(arrays, 'old/labels', members, classes),
    births: readFloat64(arrays, 'old/births', members),
    heldOut: readIndices(arrays, 'old/heldOut', members, 2),
  };
  return { next, reservoir };
}
