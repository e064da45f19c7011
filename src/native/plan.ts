// What the addon runs: a flat list of steps over one arena, for one image. A batch runs the plan once for each of its images.
//
// Images lie in the arena as tiles. An image of height x width is cut into a grid of (at most) 16 tiles of rows x columns pixels; one
// vector of 16 floats holds the same pixel (row, column) of all tiles, one tile a lane: lane = tileRow * grid.columns + tileColumn. So every
// shift of a convolution's window and every stride is an aligned load. Vectors are ordered [row][channel][column]: all channels of one tile
// row lie together. Where a window reaches over a tile's edge, it reads the halo: vectors around the tile that a `shuffle` step
// has filled from the neighbouring lanes. "Plain" tensors are floats in the order of ONNX.

/** Floats in a vector, whatever the instruction set: narrower ones take a vector in parts. */
export const lanes = 16;

/** Rows and columns of tiles; rows * columns <= lanes. */
export interface Grid {
  readonly rows: number;
  readonly columns: number;
}

/** An image tensor in the arena (or some of its channels). All numbers count vectors. */
export interface View {
  /** Of pixel (0, 0) of the tiles, channel 0. A halo lies at smaller and larger offsets. */
  readonly offset: number;
  /** From a tile row to the next. */
  readonly rowPitch: number;
  /** From a channel to the next. Columns lie side by side. */
  readonly channelPitch: number;
  readonly channels: number;
  /** Of a tile, without halo. */
  readonly rows: number;
  readonly columns: number;
}

/** Bytes in the plan's constants: 64-byte aligned. */
export interface Constants {
  readonly offset: number;
  readonly bytes: number;
}

export type Activation =
  | { readonly kind: 'none' | 'relu' | 'sigmoid' | 'silu' | 'hardSwish' }
  | { readonly kind: 'leakyRelu'; readonly slope: number }
  | { readonly kind: 'clip'; readonly min: number; readonly max: number }
  | { readonly kind: 'hardSigmoid'; readonly alpha: number; readonly beta: number };

export type Pair = readonly [rows: number, columns: number];

export interface Plan {
  /** Of the image that the first step takes. */
  readonly input: { readonly channels: number; readonly height: number; readonly width: number };
  readonly steps: readonly Step[];
  /** Vectors of 16 floats. */
  readonly arenaVectors: number;
  readonly constants: Uint8Array;
  /** Plain tensor that is the embedding: offset and length in floats. */
  readonly output: { readonly offset: number; readonly length: number };
}

export type Step =
  | InputStep
  | ShuffleStep
  | SparseConvStep
  | DenseConvStep
  | WinogradInputStep
  | WinogradConvStep
  | DepthwiseStep
  | PoolStep
  | PointwiseStep
  | BinaryStep
  | GlobalAverageStep
  | ToPlainStep
  | FromPlainStep
  | PlainCopyStep
  | PlainFillStep
  | PlainPointwiseStep
  | PlainBinaryStep
  | SoftmaxStep
  | DenseLinearStep
  | SparseLinearStep;

/** Lays the caller's image out as tiles, with its halo: pixels outside of the image are zero. */
export interface InputStep {
  readonly kind: 'input';
  readonly output: View;
  readonly grid: Grid;
  /** Vectors written around the tile. */
  readonly halo: { readonly top: number; readonly left: number; readonly bottom: number; readonly right: number };
}

/**
 * Writes vectors whose lanes come from lanes of other vectors, the same way for each channel: halos (input and output are the
 * same memory then, and only the border is written), another grid, nearest-neighbour resize, spatial slices and padding.
 */
export interface ShuffleStep {
  readonly kind: 'shuffle';
  readonly input: View;
  readonly output: View;
  /** Lanes that no term gives. */
  readonly fill: number;
  /** int32 [entries][3]: destination in vectors from output.offset, first term, number of terms (0: only fill). */
  readonly entries: Constants;
  /** int32 [terms][2]: source in vectors from input.offset, permutation. */
  readonly terms: Constants;
  /** int32 [permutations][16]: for each lane of the destination the lane of the source, or -1 to leave what is there. */
  readonly permutations: Constants;
}

/** Common to convolutions: `input.offset` is that of the window's first tap for the output pixel (0, 0), so it may lie in the halo. */
interface Windowed {
  readonly input: View;
  readonly output: View;
  readonly strides: Pair;
}

/**
 * Convolution that skips zero weights. The non-zeros come in blocks of input channels that fit the L1 cache; a block lists for
 * each of its filters how many non-zeros follow. The first block starts from the bias and the residual, which may be what the output's memory held;
 * later ones add to what is in the output; the last one applies the activation. Filters are cut into stripes so that several threads can share one row.
 */
export interface SparseConvStep extends Windowed {
  readonly kind: 'sparseConv';
  readonly residual: View | undefined;
  readonly activation: Activation;
  readonly blocks: number;
  readonly stripes: number;
  /** Into which a tile's row is cut; each has at most 7 columns, which are computed together. */
  readonly parts: number;
  /** float32 [filters]. */
  readonly bias: Constants;
  /** int32 [blocks]: vectors from input.offset that the block's offsets start from. */
  readonly bases: Constants;
  /** int32 [blocks * stripes + 1][2]: first row, first non-zero of the stripe in the block; the last is the end. */
  readonly starts: Constants;
  /** uint16 [rows][2]: filter, number of non-zeros (may be 0). Every block lists every filter once. */
  readonly rows: Constants;
  /** uint16 [non-zeros + 8]: vectors from the block's base to the tap. The 8 behind the end are zero: room for kernels that load in groups which reach over it. */
  readonly offsets: Constants;
  /** float32 [non-zeros + 8]. */
  readonly values: Constants;
}

/** Convolution with all weights. The residual may be what the output's memory held. */
export interface DenseConvStep extends Windowed {
  readonly kind: 'denseConv';
  readonly residual: View | undefined;
  readonly activation: Activation;
  readonly kernel: Pair;
  readonly dilations: Pair;
  /** float32 [ceil(filters / 4)][input channels][kernel rows][kernel columns][4]; filters that do not exist are zero. */
  readonly weights: Constants;
  /** float32 [ceil(filters / 4) * 4]. */
  readonly bias: Constants;
}

/**
 * Makes the input of a `winogradConv`. A row's columns are split into phases, by their place in a stride, so that each phase is a convolution of
 * stride 1; and four output columns at a time, so many columns of a phase as their windows reach become as many points: sums of them.
 */
export interface WinogradInputStep {
  readonly kind: 'winogradInput';
  /** All that the windows reach, from the first tap of output pixel (0, 0) on. Columns behind it count as zero. */
  readonly input: View;
  /** Offset in vectors of [row][channel][phase][point][group]. */
  readonly output: number;
  /** The stride of columns. */
  readonly phases: number;
  /** Of four output columns. */
  readonly groups: number;
  readonly points: number;
  /** float32 [points][points]: the column's weight in each point. */
  readonly transform: Constants;
}

/**
 * Convolution with all weights by Winograd's minimal filtering along the columns, F(4, taps) (Lavin and Gray, "Fast Algorithms for Convolutional
 * Neural Networks", 2015): for each point a sum of products over channels, phases and kernel rows, and the four columns from the points.
 */
export interface WinogradConvStep {
  readonly kind: 'winogradConv';
  /** As `output` of `winogradInput`. */
  readonly input: number;
  /** Of the convolution's input, times phases. */
  readonly channels: number;
  readonly output: View;
  /** May be what the output's memory held. */
  readonly residual: View | undefined;
  readonly activation: Activation;
  readonly strideRows: number;
  readonly kernelRows: number;
  readonly groups: number;
  readonly points: number;
  /** float32 [ceil(filters / 4)][points][kernel rows][channels][4]; filters that do not exist are zero. */
  readonly weights: Constants;
  /** float32 [ceil(filters / 4) * 4]. */
  readonly bias: Constants;
  /** float32 [4][points]: the point's weight in each of a group's columns. */
  readonly transform: Constants;
}

/** One filter a channel. */
export interface DepthwiseStep extends Windowed {
  readonly kind: 'depthwise';
  readonly activation: Activation;
  readonly kernel: Pair;
  readonly dilations: Pair;
  /** float32 [channels][kernel rows][kernel columns]. */
  readonly weights: Constants;
  /** float32 [channels]. */
  readonly bias: Constants;
}

export interface PoolStep extends Windowed {
  readonly kind: 'pool';
  readonly mode: 'max' | 'average';
  readonly kernel: Pair;
  readonly dilations: Pair;
  /** Of average: float32 [rows][columns][16], what the sum of a window is multiplied by. */
  readonly scale: Constants | undefined;
}

/** y = activation(scale[channel] x + shift[channel]). May work in place. */
export interface PointwiseStep {
  readonly kind: 'pointwise';
  readonly input: View;
  readonly output: View;
  /** float32 [channels]; undefined: 1. */
  readonly scale: Constants | undefined;
  /** float32 [channels]; undefined: 0. */
  readonly shift: Constants | undefined;
  readonly activation: Activation;
}

export type BinaryOperator = 'Add' | 'Sub' | 'Mul' | 'Div';

/** y = activation(left operator right). `right` as a number: offset in floats of a plain tensor with one value a channel. May work in place. */
export interface BinaryStep {
  readonly kind: 'binary';
  readonly operator: BinaryOperator;
  readonly left: View;
  readonly right: View | number;
  readonly output: View;
  readonly activation: Activation;
}

/** Mean over the image's pixels, one a channel. */
export interface GlobalAverageStep {
  readonly kind: 'globalAverage';
  readonly input: View;
  /** Plain, in floats. */
  readonly output: number;
  /** int32 [rows][columns]: bit l is set where lane l holds a pixel of the image. */
  readonly masks: Constants;
  /** Pixels of the image. */
  readonly pixels: number;
}

/** Tiles to plain [channels, height, width]. */
export interface ToPlainStep {
  readonly kind: 'toPlain';
  readonly input: View;
  readonly grid: Grid;
  readonly height: number;
  readonly width: number;
  /** In floats. */
  readonly output: number;
}

/** Plain [channels, height, width] to tiles, without halo; lanes and pixels outside of the image are zero. */
export interface FromPlainStep {
  readonly kind: 'fromPlain';
  /** In floats. */
  readonly input: number;
  readonly height: number;
  readonly width: number;
  readonly output: View;
  readonly grid: Grid;
}

/** output[sum i_k outputStrides_k] = input[sum i_k inputStrides_k] over all indices below dims (at most 8 axes). Offsets and strides in floats. */
export interface PlainCopyStep {
  readonly kind: 'plainCopy';
  readonly input: number;
  readonly output: number;
  readonly dims: readonly number[];
  readonly inputStrides: readonly number[];
  readonly outputStrides: readonly number[];
}

export interface PlainFillStep {
  readonly kind: 'plainFill';
  readonly output: number;
  readonly count: number;
  readonly value: number;
}

/** As `pointwise`, for plain [channels, inner]. */
export interface PlainPointwiseStep {
  readonly kind: 'plainPointwise';
  readonly input: number;
  readonly output: number;
  readonly channels: number;
  readonly inner: number;
  readonly scale: Constants | undefined;
  readonly shift: Constants | undefined;
  readonly activation: Activation;
}

/** Over all indices below dims, the output being contiguous; a stride of 0 repeats a value. At most 8 axes. */
export interface PlainBinaryStep {
  readonly kind: 'plainBinary';
  readonly operator: BinaryOperator;
  readonly left: number;
  readonly right: number;
  readonly output: number;
  readonly dims: readonly number[];
  readonly leftStrides: readonly number[];
  readonly rightStrides: readonly number[];
  readonly activation: Activation;
}

/** Over the middle axis of plain [outer, length, inner]. */
export interface SoftmaxStep {
  readonly kind: 'softmax';
  readonly input: number;
  readonly output: number;
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
}

/** y = activation(weights x + bias) for plain x. */
export interface DenseLinearStep {
  readonly kind: 'denseLinear';
  readonly input: number;
  readonly output: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly activation: Activation;
  /** float32 [ceil(outputs / 16)][inputs][16]; outputs that do not exist are zero. */
  readonly weights: Constants;
  /** float32 [ceil(outputs / 16) * 16]. */
  readonly bias: Constants;
}

export interface SparseLinearStep {
  readonly kind: 'sparseLinear';
  readonly input: number;
  readonly output: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly activation: Activation;
  /** int32 [outputs + 1]: where an output's non-zeros start. */
  readonly starts: Constants;
  /** int32 [non-zeros]: which input. */
  readonly indices: Constants;
  /** float32 [non-zeros]. */
  readonly values: Constants;
  /** float32 [outputs]. */
  readonly bias: Constants;
}
