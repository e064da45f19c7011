import { filtersOfBlock } from './pack-dense.js';

/** Columns that a group's products give. */
export const groupColumns = 4;

/** F(4, taps): tables for four outputs of a one-dimensional convolution with so many taps. */
export interface WinogradTables {
  /** taps + 3: so many products give four outputs, where a plain convolution takes 4 * taps. */
  readonly points: number;
  /** [points][points]: of a group's inputs. */
  readonly input: Float32Array;
  /** [points][taps]: of the weights. */
  readonly kernel: Float64Array;
  /** [4][points]: of the products, to the outputs. */
  readonly output: Float32Array;
}

/** Where the polynomials are evaluated; infinity is the last point. Small ones keep rounding errors small: twice those of plain sums. */
const evaluated = [0, 1, -1, 2, -2, 0.5];

/**
 * Toom and Cook's tables for F(4, taps), transposed (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015, section 4; Blahut,
 * "Fast Algorithms for Signal Processing", 2010, section 5).
 *
 * @param taps 2 to 4
 */
export function winogradTables(taps: number): WinogradTables {
  const points = taps + groupColumns - 1;
  const finite = evaluated.slice(0, points - 1);
  const powers = (count: number) => [
    ...finite.map((point) => Array.from({ length: count }, (_, power) => point ** power)),
    Array.from({ length: count }, (_, power) => (power === count - 1 ? 1 : 0)),
  ];
  const others = (at: number) => finite.filter((_, index) => index !== at);
  const scale = finite.map((point, at) => others(at).reduce((product, other) => product * (point - other), 1));
  const kernel = powers(taps).flatMap((row, at) => row.map((value) => value / (scale[at] ?? 1)));
  const input = [...finite.keys(), points - 1].flatMap((at) => padded(coefficients(others(at)), points));
  const ofPoints = powers(groupColumns);
  const output = Array.from({ length: groupColumns }, (_, column) => ofPoints.map((row) => row[column]!)).flat();
  return {
    points,
    input: Float32Array.from(input),
    kernel: Float64Array.from(kernel),
    output: Float32Array.from(output),
  };
}

/** Of the polynomial with these roots, the lowest power first. */
function coefficients(roots: readonly number[]): number[] {
  let product = [1];
  for (const root of roots) {
    const times = product;
    product = Array.from(
      { length: times.length + 1 },
      (_, power) => (times[power - 1] ?? 0) - root * (times[power] ?? 0),
    );
  }
  return product;
}

function padded(values: readonly number[], length: number): number[] {
  return Array.from({ length }, (_, at) => values[at] ?? 0);
}

/** How a convolution falls apart along its columns. */
export interface WinogradShape {
  /** The stride of columns. */
  readonly phases: number;
  readonly taps: number;
  readonly groups: number;
  /** Products of the plain convolution for each of this one's. */
  readonly gain: number;
}

/** undefined where there are no tables, or nothing is gained. */
export function winogradShape(kernelColumns: number, stride: number, columns: number): WinogradShape | undefined {
  const taps = Math.ceil(kernelColumns / stride);
  if (taps < 2 || taps > 4) return undefined;
  const groups = Math.ceil(columns / groupColumns);
  const gain = (columns * kernelColumns) / (groups * stride * (taps + groupColumns - 1));
  return { phases: stride, taps, groups, gain };
}

/**
 * Weights of each point.
 *
 * @param weights [filters, channels, height, width]
 * @returns float32 [ceil(filters / 4)][points][height][channels * phases][4]; filters that do not exist are zero
 */
export function packWinograd(
  weights: Float32Array,
  [filters, channels, height, width]: readonly [number, number, number, number],
  { phases, taps }: WinogradShape,
  { points, kernel }: WinogradTables,
): Float32Array {
  const packed = new Float32Array(
    Math.ceil(filters / filtersOfBlock) * points * height * channels * phases * filtersOfBlock,
  );
  for (let filter = 0; filter < filters; filter++) {
    const block = Math.floor(filter / filtersOfBlock) * points;
    for (let channel = 0; channel < channels; channel++) {
      for (let row = 0; row < height; row++) {
        const from = ((filter * channels + channel) * height + row) * width;
        for (let phase = 0; phase < phases; phase++) {
          for (let point = 0; point < points; point++) {
            let sum = 0;
            for (let tap = 0; tap < taps; tap++) {
              const column = phase + tap * phases;
              if (column < width) sum += kernel[point * taps + tap]! * weights[from + column]!;
            }
            const at = (((block + point) * height + row) * channels + channel) * phases + phase;
            packed[at * filtersOfBlock + (filter % filtersOfBlock)] = sum;
          }
        }
      }
    }
  }
  return packed;
}
