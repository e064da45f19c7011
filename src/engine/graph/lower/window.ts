import { quote } from '../../text.js';
import { refuse } from '../refusal.js';
import type { Pads, Pair } from '../types.js';
import type { NodeSource } from './source.js';

/** The sliding window of a convolution or pool. */
export interface Window {
  readonly kernel: Pair;
  readonly strides: Pair;
  readonly dilations: Pair;
  readonly pads: Pads;
  /** Height and width of the output. */
  readonly output: Pair;
}

const longestSide = 2 ** 16;

/**
 * Reads strides, dilations, pads, auto_pad and ceil_mode, and computes the output's size by ONNX's formulas.
 *
 * @param input height and width
 * @throws Refusal
 */
export function readWindow({ attributes }: NodeSource, kernel: Pair, input: Pair): Window {
  const strides = pair(attributes.integers('strides'), 'strides');
  const dilations = pair(attributes.integers('dilations'), 'dilations');
  const autoPad = attributes.text('auto_pad', 'NOTSET');
  const given = readPads(attributes.integers('pads'));
  const ceil = attributes.integer('ceil_mode', 0) !== 0;
  if (kernel.some((length) => !(length >= 1 && length <= longestSide))) refuse(`a kernel of ${kernel.join('x')}`);

  const extent: Pair = [dilations[0] * (kernel[0] - 1) + 1, dilations[1] * (kernel[1] - 1) + 1];
  const pads = resolvePads(autoPad, given, input, extent, strides);
  const output: Pair = [
    outputLength(input[0], pads[0], pads[2], extent[0], strides[0], ceil),
    outputLength(input[1], pads[1], pads[3], extent[1], strides[1], ceil),
  ];
  return { kernel, strides, dilations, pads, output };
}

/** Two positive numbers; [1, 1] when they are left out. */
function pair(list: readonly number[] | undefined, name: string): Pair {
  const [height, width] = list ?? [1, 1];
  if ((list !== undefined && list.length !== 2) || !inRange(height, 1) || !inRange(width, 1)) {
    return refuse(`${name} of [${list?.slice(0, 4).join(', ')}]: two whole numbers of at least 1 are expected`);
  }
  return [height!, width!];
}

function readPads(list: readonly number[] | undefined): Pads {
  if (list === undefined) return [0, 0, 0, 0];
  if (list.length !== 4 || list.some((length) => !inRange(length, 0))) {
    refuse(`pads of [${list.slice(0, 8).join(', ')}]: four whole numbers of at least 0 are expected`);
  }
  return [list[0]!, list[1]!, list[2]!, list[3]!];
}

function inRange(value: number | undefined, least: number): boolean {
  return value !== undefined && Number.isInteger(value) && value >= least && value <= longestSide;
}

function resolvePads(autoPad: string, given: Pads, input: Pair, extent: Pair, strides: Pair): Pads {
  switch (autoPad) {
    case 'NOTSET':
      return given;
    case 'VALID':
      return [0, 0, 0, 0];
    case 'SAME_UPPER':
    case 'SAME_LOWER': {
      const total = (axis: 0 | 1) =>
        Math.max(0, (Math.ceil(input[axis] / strides[axis]) - 1) * strides[axis] + extent[axis] - input[axis]);
      const split = (sum: number): Pair => {
        const half = Math.floor(sum / 2);
        return autoPad === 'SAME_UPPER' ? [half, sum - half] : [sum - half, half];
      };
      const [top, bottom] = split(total(0));
      const [left, right] = split(total(1));
      return [top, left, bottom, right];
    }
    default:
      return refuse(`auto_pad ${quote(autoPad)}`);
  }
}

function outputLength(input: number, before: number, behind: number, extent: number, stride: number, ceil: boolean) {
  const room = input + before + behind - extent;
  if (room < 0) return refuse(`a window of ${extent} over ${input + before + behind} pixels`);
  if (!ceil) return Math.floor(room / stride) + 1;
  const length = Math.ceil(room / stride) + 1;
  // A last window that would begin in the padding behind the image does not count.
  return (length - 1) * stride >= input + before ? length - 1 : length;
}
