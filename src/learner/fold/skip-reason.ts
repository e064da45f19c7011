import type { HeadDefinition } from '../types.js';
import type { ClassTable } from './class-table.js';
import type { Sample } from './log-entry.js';

/** Why a sample of the log taught nothing. */
export type SkipReason =
  | 'wrong_backbone'
  | 'wrong_dimensions'
  | 'not_finite'
  | 'no_label'
  | 'unknown_class'
  | 'class_limit';

/** @returns why this head can't learn the sample; undefined: it can. */
export function reasonToSkip(
  definition: HeadDefinition,
  classes: ClassTable,
  { backboneIdentity, embedding, label }: Sample,
): SkipReason | undefined {
  if (backboneIdentity !== definition.backboneIdentity) return 'wrong_backbone';
  if (embedding.length !== definition.dimensions) return 'wrong_dimensions';
  if (!allFinite(embedding)) return 'not_finite';
  if (label === '') return 'no_label';
  if (classes.find(label) !== undefined) return undefined;
  if (definition.classes !== 'open') return 'unknown_class';
  return classes.count >= definition.maxClasses ? 'class_limit' : undefined;
}

/** The sum of zeros, unless a number is infinite or none: faster than a call for each, and there are thousands. */
function allFinite(embedding: Float32Array): boolean {
  let zeros = 0;
  for (let d = 0; d < embedding.length; d++) zeros += embedding[d]! * 0;
  return zeros === 0;
}
