import { refuse } from '../graph/refusal.js';
import type { Shape } from '../graph/types.js';

/** Lengths of a tensor's axes for one image; the batch's is 1. */
export type Dims = readonly number[];

/** [channels, height, width] of a tensor that tiles can hold: [1, channels, height, width]. */
export function imageDims(dims: Dims): readonly [channels: number, height: number, width: number] | undefined {
  return dims.length === 4 && dims[0] === 1 ? [dims[1]!, dims[2]!, dims[3]!] : undefined;
}

export function elements(dims: Dims): number {
  return dims.reduce((product, length) => product * length, 1);
}

/** @throws Refusal when the images of a batch do not lie one behind the other */
export function dimsOfOne(shape: Shape): Dims {
  if (shape.lastIndexOf('N') > 0) refuse(`its output [${shape.join(', ')}] does not have the batch in front`);
  return shape.map((length) => (length === 'N' ? 1 : length));
}

/** Of the graph's input. @throws Refusal unless it is one image, or a batch of any size */
export function dimsOfInput(shape: Shape): Dims {
  const [batch] = shape;
  if (batch !== 'N' && batch !== 1) refuse(`the file fixes a batch of ${batch}: a plan takes one image at a time`);
  const dims = dimsOfOne(shape);
  if (imageDims(dims) === undefined) refuse(`an input [${shape.join(', ')}] where images are expected`);
  return dims;
}
