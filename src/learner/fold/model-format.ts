import { z } from 'zod';
import type { HeadDefinition, HeadModel } from '../types.js';
import { corrupt, decodeSnapshot, encodeSnapshot } from './snapshot-container.js';

const metadataSchema = z.object({
  head: z.string(),
  generation: z.number(),
  backboneIdentity: z.string(),
  dimensions: z.number().int().positive(),
  classes: z.array(z.string()),
});

/** The serving half of a snapshot, as bytes. @param origin more metadata: what tells it from other models with equal weights. */
export function encodeModel(
  definition: HeadDefinition,
  model: HeadModel,
  origin: object = {},
): Uint8Array<ArrayBuffer> {
  const { name, generation, backboneIdentity } = definition;
  const { dimensions, classes, weights, bias } = model;
  const metadata: z.infer<typeof metadataSchema> = {
    head: name,
    generation,
    backboneIdentity,
    dimensions,
    classes: [...classes],
  };
  return encodeSnapshot('model', { metadata: { ...metadata, ...origin }, arrays: { weights, bias } });
}

/**
 * @param definition When given, the model must be of this head and this generation.
 * @param known As for `decodeSnapshot`.
 * @throws LearnerError snapshot_corrupt when the bytes are damaged, or not a model (of that head).
 */
export function decodeModel(bytes: Uint8Array, definition?: HeadDefinition, known = false): HeadModel {
  const { metadata, arrays } = decodeSnapshot('model', bytes, known);
  const checked = metadataSchema.safeParse(metadata);
  if (!checked.success) throw corrupt(`its metadata is wrong: ${z.prettifyError(checked.error)}`);
  const { dimensions, classes } = checked.data;
  if (definition) checkOwner(checked.data, definition);
  const { weights, bias } = arrays;
  const fits = weights instanceof Float32Array && bias instanceof Float32Array;
  if (!fits || weights.length !== classes.length * dimensions || bias.length !== classes.length) {
    throw corrupt(`its weights do not fit ${classes.length} classes of ${dimensions} dimensions`);
  }
  return { classes, dimensions, weights, bias };
}

/** @throws LearnerError snapshot_corrupt when a snapshot was made by another head, generation or backbone. */
export function checkOwner(
  owner: { head: string; generation: number; backboneIdentity: string; dimensions: number },
  definition: HeadDefinition,
): void {
  const { name, generation, backboneIdentity, dimensions } = definition;
  if (owner.head !== name || owner.generation !== generation) {
    throw corrupt(
      `it is of head '${owner.head}', generation ${owner.generation}, not of '${name}', generation ${generation}`,
    );
  }
  if (owner.backboneIdentity !== backboneIdentity || owner.dimensions !== dimensions) {
    throw corrupt(
      `it was made on backbone ${owner.backboneIdentity}, and head '${name}' stands on ${backboneIdentity}`,
    );
  }
}
