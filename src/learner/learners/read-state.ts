import { z } from 'zod';
import { corrupt, type SnapshotArray } from '../fold/snapshot-container.js';
import type { LearnerState } from './learner.js';

type Arrays = Readonly<Record<string, SnapshotArray>>;

/** A whole number from 0. */
export const count = z.number().int().nonnegative();

/** The metadata of a state, if it is what `schema` says. @throws LearnerError snapshot_corrupt */
export function readMetadata<T>(state: LearnerState, schema: z.ZodType<T>): T {
  const checked = schema.safeParse(state.metadata);
  if (checked.success) return checked.data;
  throw corrupt(`a learner's metadata is wrong: ${z.prettifyError(checked.error)}`);
}

/** @returns a copy. @throws LearnerError snapshot_corrupt unless the array is there, of finite FP64 numbers and of this length. */
export function readFloat64(arrays: Arrays, name: string, length: number): Float64Array<ArrayBuffer> {
  const array = arrays[name];
  if (array instanceof Float64Array && array.length === length && array.every(Number.isFinite)) return array.slice();
  throw corrupt(`a learner's array '${name}' is not ${length} finite FP64 numbers`);
}

/** @returns a copy. @throws LearnerError snapshot_corrupt unless the array is there, of finite FP32 numbers and of this length. */
export function readFloat32(arrays: Arrays, name: string, length: number): Float32Array<ArrayBuffer> {
  const array = arrays[name];
  if (array instanceof Float32Array && array.length === length && array.every(Number.isFinite)) return array.slice();
  throw corrupt(`a learner's array '${name}' is not ${length} finite FP32 numbers`);
}

/** @returns a copy. @throws LearnerError snapshot_corrupt unless the array is there, of integers from 0 to `limit` - 1 and of this length. */
export function readIndices(arrays: Arrays, name: string, length: number, limit: number): Int32Array<ArrayBuffer> {
  const array = arrays[name];
  const fits = array instanceof Int32Array && array.length === length;
  if (fits && array.every((value) => value >= 0 && value < limit)) return array.slice();
  throw corrupt(`a learner's array '${name}' is not ${length} integers below ${limit}`);
}
