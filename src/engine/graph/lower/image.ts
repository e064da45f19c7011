import { quote } from '../../text.js';
import { refuse } from '../refusal.js';
import { imageSize } from '../shape.js';
import type { Lowered, NodeSource } from './source.js';

const mostPadding = 2 ** 16;

/** Pad of height and width by a constant. Pads are an attribute up to opset 10, an input since. */
export function lowerPad(source: NodeSource): Lowered[] {
  const { attributes, opset } = source;
  const input = source.activation(0);
  const [channels, height, width] = imageSize(input.shape);
  const mode = attributes.text('mode', 'constant');
  if (mode !== 'constant') refuse(`the mode ${quote(mode)}`);
  if (source.inputs[3] !== undefined) refuse('axes');
  const pads = source.integersOrAttribute(1, 'pads') ?? [];
  const value = opset < 11 ? attributes.float('value', 0) : (source.scalar(2) ?? 0);
  if (pads.length !== 8 || pads.some((length) => !(length >= 0 && length <= mostPadding))) {
    refuse(`pads [${pads.slice(0, 8).join(', ')}]`);
  }
  if ([0, 1, 4, 5].some((side) => pads[side] !== 0)) refuse('padding of batch or channels');
  const [top, left, bottom, right] = [pads[2]!, pads[3]!, pads[6]!, pads[7]!];
  if (top + left + bottom + right === 0) {
    return [{ operation: { type: 'Identity' }, inputs: [input], shape: input.shape }];
  }
  return [
    {
      operation: { type: 'Pad', pads: [top, left, bottom, right], value },
      inputs: [input],
      shape: [input.shape[0]!, channels, height + top + bottom, width + left + right],
    },
  ];
}

/** Resize and Upsample: nearest neighbour by whole factors. */
export function lowerResize(source: NodeSource): Lowered[] {
  const { attributes } = source;
  const input = source.activation(0);
  const [channels, height, width] = imageSize(input.shape);
  attributes.ignore('cubic_coeff_a', 'exclude_outside', 'extrapolation_value', 'antialias', 'keep_aspect_ratio_policy');
  const mode = attributes.text('mode', 'nearest');
  if (mode !== 'nearest') refuse(`the mode ${quote(mode)}`);
  if (attributes.integers('axes') !== undefined) refuse('axes');
  const factors = [2, 3].map((axis) => readFactor(source, axis, input.shape[axis] as number));
  const coordinates = attributes.text('coordinate_transformation_mode', defaultCoordinates(source));
  const rounding = attributes.text('nearest_mode', defaultRounding(source));
  for (const [index, factor] of factors.entries()) {
    const length = index === 0 ? height : width;
    if (!repeatsPixels(length, factor, coordinates, rounding)) refuse(`${quote(coordinates)} with ${quote(rounding)}`);
  }
  const [down, across] = [factors[0]!, factors[1]!];
  return [
    {
      operation: { type: 'Resize', factors: [down, across] },
      inputs: [input],
      shape: [input.shape[0]!, channels, height * down, width * across],
    },
  ];
}

/** Upsample and the first Resize always took floor(y / factor). */
function defaultCoordinates({ opset }: NodeSource): string {
  return opset < 11 ? 'asymmetric' : 'half_pixel';
}

function defaultRounding({ opset }: NodeSource): string {
  return opset < 11 ? 'floor' : 'round_prefer_floor';
}

/** From scales (input 1 up to opset 10, then input 2) or sizes (input 3). */
function readFactor(source: NodeSource, axis: number, length: number): number {
  const { opset, attributes } = source;
  const sizes = opset >= 11 ? source.dimensions(3) : undefined;
  const scales = source.floats(opset >= 11 ? 2 : 1)?.values ?? attributes.floats('scales');
  const list = sizes ?? scales;
  if (list?.length !== 4) return refuse('scales or sizes for other than 4 dimensions');
  if (scales !== undefined && sizes === undefined && (scales[0] !== 1 || scales[1] !== 1)) {
    refuse('a resize of batch or channels');
  }
  const given = list[axis];
  const factor = sizes === undefined ? given : given === 'N' ? undefined : given! / length;
  if (typeof factor !== 'number' || !Number.isInteger(factor) || factor < 1) {
    return refuse(`a factor of ${factor}: only whole factors are read`);
  }
  return factor;
}

/** Whether every output pixel is the input pixel floor(y / factor), by the formulas of ONNX's Resize. */
function repeatsPixels(length: number, factor: number, coordinates: string, rounding: string): boolean {
  // Where pixels repeat for two whole periods they repeat everywhere, but for align_corners and its like, which are not read.
  const checked = Math.min(length, 2) * Math.min(factor, 64);
  for (let y = 0; y < checked; y++) {
    const position = sourcePosition(y, factor, coordinates);
    const rounded = position === undefined ? undefined : roundPosition(position, rounding);
    if (rounded === undefined || Math.max(0, Math.min(length - 1, rounded)) !== Math.floor(y / factor)) return false;
  }
  return true;
}

function sourcePosition(y: number, factor: number, coordinates: string): number | undefined {
  switch (coordinates) {
    case 'asymmetric':
      return y / factor;
    case 'half_pixel':
    case 'pytorch_half_pixel':
    case 'half_pixel_symmetric':
      return (y + 0.5) / factor - 0.5;
    default:
      return undefined;
  }
}

function roundPosition(position: number, rounding: string): number | undefined {
  switch (rounding) {
    case 'floor':
      return Math.floor(position);
    case 'ceil':
      return Math.ceil(position);
    case 'round_prefer_floor':
      return Math.ceil(position - 0.5);
    case 'round_prefer_ceil':
      return Math.floor(position + 0.5);
    default:
      return undefined;
  }
}
