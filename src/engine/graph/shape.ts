import { refuse } from './refusal.js';
import type { Dimension, Shape } from './types.js';

const highestRank = 8;
/** Values of one image in one activation: 1 GiB of floats. */
const mostElements = 2 ** 28;

/** Values in a tensor for one image (or for the whole batch, where the file fixes it). */
export function elementsOf(shape: Shape): number {
  return shape.reduce<number>((product, length) => (length === 'N' ? product : product * length), 1);
}

/** Length of axis 1. */
export function channelsOf(shape: Shape): number {
  const channels = shape[1];
  return typeof channels === 'number' ? channels : 0;
}

export function sameShape(left: Shape, right: Shape): boolean {
  return left.length === right.length && left.every((length, axis) => length === right[axis]);
}

/** @throws Refusal for more dimensions than any layout has: they would only cost time. */
export function checkRank(shape: Shape): void {
  if (shape.length > highestRank) refuse(`a tensor of ${shape.length} dimensions; ${highestRank} is the limit`);
}

/** @throws Refusal unless it is a shape that an activation can have. */
export function checkShape(shape: Shape): Shape {
  const text = `[${shape.slice(0, highestRank).join(', ')}]`;
  checkRank(shape);
  if (shape.some((length) => length !== 'N' && !(Number.isSafeInteger(length) && length >= 1))) {
    refuse(`its output would have the shape ${text}`);
  }
  if (!(elementsOf(shape) <= mostElements)) refuse(`its output ${text} is larger than ${mostElements} values an image`);
  return shape;
}

/** An axis counted from the end when negative. @throws Refusal outside of the rank. */
export function resolveAxis(axis: number, rank: number): number {
  const resolved = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(resolved) || resolved < 0 || resolved >= rank) refuse(`axis ${axis} of ${rank} dimensions`);
  return resolved;
}

/** NumPy's rule: aligned at the last axis, lengths of 1 are repeated. @throws Refusal when they do not go together. */
export function broadcast(left: Shape, right: Shape): Shape {
  const rank = Math.max(left.length, right.length);
  const at = (shape: Shape, axis: number): Dimension => shape[axis - (rank - shape.length)] ?? 1;
  return Array.from({ length: rank }, (_, axis) => {
    const [a, b] = [at(left, axis), at(right, axis)];
    if (a === b || b === 1) return a;
    if (a === 1) return b;
    return refuse(`[${left.join(', ')}] and [${right.join(', ')}] do not go together`);
  });
}

/** Height and width of an image tensor [batch, channels, height, width]. @throws Refusal for any other. */
export function imageSize(shape: Shape): readonly [channels: number, height: number, width: number] {
  const [, channels, height, width] = shape;
  if (shape.length !== 4 || typeof channels !== 'number' || typeof height !== 'number' || typeof width !== 'number') {
    return refuse(`its input [${shape.join(', ')}] is no [batch, channels, height, width]`);
  }
  return [channels, height, width];
}
