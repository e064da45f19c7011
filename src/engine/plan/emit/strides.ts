import type { Dims } from '../dims.js';

/** Of a contiguous tensor, in floats. */
export function stridesOf(dims: Dims): number[] {
  const strides = new Array<number>(dims.length).fill(1);
  for (let axis = dims.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * dims[axis + 1]!;
  return strides;
}

/** Of a contiguous tensor that is repeated to the shape `out` by NumPy's rule. */
export function broadcastStrides(dims: Dims, out: Dims): number[] {
  const own = stridesOf(dims);
  const missing = out.length - dims.length;
  return out.map((_, axis) => (axis < missing || dims[axis - missing] === 1 ? 0 : own[axis - missing]!));
}

/** Leaves out axes of length 1: the first axis is what threads share. */
export function dropOnes<T extends Readonly<Record<string, readonly number[]>>>(dims: Dims, strides: T) {
  const kept = dims.flatMap((length, axis) => (length === 1 ? [] : [axis]));
  const pick = (list: readonly number[]) => kept.map((axis) => list[axis]!);
  const picked = Object.fromEntries(Object.entries(strides).map(([name, list]) => [name, pick(list)]));
  return { dims: pick(dims), ...(picked as { readonly [K in keyof T]: number[] }) };
}
