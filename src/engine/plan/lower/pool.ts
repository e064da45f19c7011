import type { GraphNode, Pool } from '../../graph/types.js';
import { imageDims } from '../dims.js';
import type { Lowered, Lowering } from '../lowering.js';
import type { Tiling } from '../tiling.js';
import { imageMasks } from '../tiling.js';
import { isGlobalAverage } from '../windows.js';

export function lowerPool(lowering: Lowering, node: GraphNode, operation: Pool): Lowered {
  const input = lowering.dimsOf(node.inputs[0]!);
  if (isGlobalAverage(node, input, lowering.dimsOf(node.output))) return lowerGlobalAverage(lowering, node);
  const window = lowering.window(node);
  const output = lowering.newTiles(node.output);
  const average = operation.type === 'AveragePool';
  const scale = average ? lowering.constants.share(averageScale(lowering, node, operation)) : undefined;
  const { kernel, dilations, strides } = operation;
  lowering.steps.emit((at) => ({
    kind: 'pool',
    mode: average ? 'average' : 'max',
    input: at.view(window.input),
    output: at.view(output),
    strides: window.strides,
    kernel,
    dilations,
    scale,
  }));
  const stride = strides[0] === strides[1] ? (strides[0] === 1 ? '' : `/${strides[0]}`) : `/${strides.join('x')}`;
  return { kernel: `${average ? 'average' : 'max'} pool ${kernel.join('x')}${stride}`, reason: '' };
}

/** One over the number of pixels that each output pixel is the mean of: float32 [rows][columns][16]. */
function averageScale(lowering: Lowering, node: GraphNode, operation: Pool): Float32Array {
  const [, height, width] = imageDims(lowering.dimsOf(node.inputs[0]!))!;
  const tiling = lowering.layout.tilingOf(node.output);
  const { grid, rows, columns } = tiling;
  const down = countTaps(operation, 0, height, grid.rows * rows);
  const across = countTaps(operation, 1, width, grid.columns * columns);
  return perLane(tiling, (y, x) => 1 / Math.max(1, down[y]! * across[x]!));
}

/** Along one axis: how many taps of each window count. */
function countTaps(operation: Pool, axis: 0 | 1, length: number, outputs: number): Int32Array {
  const { kernel, strides, dilations, pads, countPadding } = operation;
  const counts = new Int32Array(outputs);
  const [first, end] = countPadding ? [-pads[axis], length + pads[2 + axis]!] : [0, length];
  for (let output = 0; output < outputs; output++) {
    for (let tap = 0; tap < kernel[axis]; tap++) {
      const pixel = output * strides[axis] + tap * dilations[axis] - pads[axis];
      if (pixel >= first && pixel < end) counts[output]!++;
    }
  }
  return counts;
}

function perLane({ grid, rows, columns }: Tiling, value: (y: number, x: number) => number): Float32Array {
  const lanes = 16;
  const result = new Float32Array(rows * columns * lanes);
  for (let at = 0; at < result.length; at++) {
    const lane = at % lanes;
    const vector = (at - lane) / lanes;
    if (lane >= grid.rows * grid.columns) continue;
    const y = Math.floor(lane / grid.columns) * rows + Math.floor(vector / columns);
    const x = (lane % grid.columns) * columns + (vector % columns);
    result[at] = value(y, x);
  }
  return result;
}

/** GlobalAveragePool, and a pool that is one. */
export function lowerGlobalAverage(lowering: Lowering, node: GraphNode): Lowered {
  const tensor = node.inputs[0]!;
  const [, height, width] = imageDims(lowering.dimsOf(tensor)) ?? [0, 0, 0];
  if (height * width === 1 && !lowering.hasTiles(tensor)) {
    lowering.aliasPlain(node.output, tensor);
    return { kernel: 'view', reason: 'the mean of one pixel' };
  }
  const input = lowering.tiles(tensor);
  const output = lowering.newPlain(node.output);
  const masks = lowering.constants.share(imageMasks(lowering.layout.tilingOf(tensor), height, width));
  lowering.steps.emit((at) => ({
    kind: 'globalAverage',
    input: at.view(input),
    output: at.plain(output),
    masks,
    pixels: height * width,
  }));
  return { kernel: 'global average', reason: '' };
}
