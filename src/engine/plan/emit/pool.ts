import { lanes } from '../../../native/index.js';
import type { GraphNode, Pool } from '../../graph/types.js';
import { imageDims } from '../dims.js';
import type { Emitted, Emitter } from '../emitter.js';
import type { Tiling } from '../tiling.js';
import { imageMasks } from '../tiling.js';
import { isGlobalAverage } from '../windows.js';

export function emitPool(emitter: Emitter, node: GraphNode, operation: Pool): Emitted {
  const input = emitter.dimsOf(node.inputs[0]!);
  if (isGlobalAverage(node, input, emitter.dimsOf(node.output))) return emitGlobalAverage(emitter, node);
  const window = emitter.window(node);
  const output = emitter.newTiles(node.output);
  const average = operation.type === 'AveragePool';
  const scale = average ? emitter.constants.share(averageScale(emitter, node, operation)) : undefined;
  const { kernel, dilations, strides } = operation;
  emitter.steps.emit((at) => ({
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
function averageScale(emitter: Emitter, node: GraphNode, operation: Pool): Float32Array {
  const [, height, width] = imageDims(emitter.dimsOf(node.inputs[0]!))!;
  const tiling = emitter.layout.tilingOf(node.output);
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
export function emitGlobalAverage(emitter: Emitter, node: GraphNode): Emitted {
  const tensor = node.inputs[0]!;
  const [, height, width] = imageDims(emitter.dimsOf(tensor)) ?? [0, 0, 0];
  if (height * width === 1 && !emitter.hasTiles(tensor)) {
    emitter.aliasPlain(node.output, tensor);
    return { kernel: 'view', reason: 'the mean of one pixel' };
  }
  const input = emitter.tiles(tensor);
  const output = emitter.newPlain(node.output);
  const masks = emitter.constants.share(imageMasks(emitter.layout.tilingOf(tensor), height, width));
  emitter.steps.emit((at) => ({
    kind: 'globalAverage',
    input: at.view(input),
    output: at.plain(output),
    masks,
    pixels: height * width,
  }));
  return { kernel: 'global average', reason: '' };
}
