// The typed graph: what is left of an ONNX model when weights have moved into the nodes and only activations flow between them.

/** A length, or `N`: the number of images in a batch. */
export type Dimension = number | 'N';
/** Activations are [batch, channels, ...]; those of images are [batch, channels, height, width]. */
export type Shape = readonly Dimension[];
export type Pair = readonly [height: number, width: number];
/** Added before and behind, in pixels. */
export type Pads = readonly [top: number, left: number, bottom: number, right: number];

export interface Graph {
  readonly input: { readonly name: string; readonly shape: Shape };
  /** Each node stands behind those that it reads. */
  readonly nodes: readonly GraphNode[];
  /** The tensor that is the embedding: a node's output (or the input, when nothing is computed). */
  readonly output: string;
}

/** Computes one tensor. Where an operation has an `activation`, it is applied last. */
export interface GraphNode {
  /** Unique: the name in the file, or one made from operator and output. */
  readonly name: string;
  readonly operation: Operation;
  /** Tensors read, by name: the graph's input or outputs of earlier nodes. */
  readonly inputs: readonly string[];
  readonly output: string;
  /** Of the output. */
  readonly shape: Shape;
}

export type Operation =
  | Convolution
  | Linear
  | ScaleShift
  | Activate
  | Binary
  | Pool
  | { readonly type: 'GlobalAveragePool' }
  | { readonly type: 'Concat'; readonly axis: number }
  | { readonly type: 'Softmax'; readonly axis: number }
  /** Nearest neighbour: output pixel (y, x) is input pixel (floor(y / factors[0]), floor(x / factors[1])). */
  | { readonly type: 'Resize'; readonly factors: Pair }
  | { readonly type: 'Pad'; readonly pads: Pads; readonly value: number }
  /** The same values in the same order under another shape. */
  | { readonly type: 'Reshape' }
  /** Output axis i is input axis permutation[i]. */
  | { readonly type: 'Transpose'; readonly permutation: readonly number[] }
  /** Output index i of an axis is input index starts[axis] + i * steps[axis]. */
  | { readonly type: 'Slice'; readonly starts: readonly number[]; readonly steps: readonly number[] }
  | { readonly type: 'Identity' };

/** Input 0 is convolved; input 1, when `residual`, is added before the activation. */
export interface Convolution {
  readonly type: 'Conv';
  /** [filters, input channels / group, kernel height, kernel width]. */
  readonly weights: Float32Array;
  readonly weightShape: readonly [filters: number, inputs: number, height: number, width: number];
  /** One a filter. */
  readonly bias: Float32Array;
  readonly strides: Pair;
  readonly dilations: Pair;
  readonly pads: Pads;
  readonly group: number;
  readonly residual: boolean;
  readonly activation: ActivationFunction | undefined;
}

/** y = weights x + bias, for x [batch, inputs]. */
export interface Linear {
  readonly type: 'Linear';
  /** [outputs, inputs]. */
  readonly weights: Float32Array;
  readonly weightShape: readonly [outputs: number, inputs: number];
  readonly bias: Float32Array;
  readonly activation: ActivationFunction | undefined;
}

/** y = scale[channel] x + shift[channel]: a BatchNormalization, or arithmetic with constants. */
export interface ScaleShift {
  readonly type: 'ScaleShift';
  readonly scale: Float32Array;
  readonly shift: Float32Array;
  readonly activation: ActivationFunction | undefined;
}

export interface Activate {
  readonly type: 'Activation';
  readonly activation: ActivationFunction;
}

export type BinaryOperator = 'Add' | 'Sub' | 'Mul' | 'Div';

/** Element by element; an axis of length 1 is repeated. */
export interface Binary {
  readonly type: 'Binary';
  readonly operator: BinaryOperator;
  readonly activation: ActivationFunction | undefined;
}

export interface Pool {
  readonly type: 'MaxPool' | 'AveragePool';
  readonly kernel: Pair;
  readonly strides: Pair;
  readonly dilations: Pair;
  readonly pads: Pads;
  /** Of AveragePool: padding counts as zeros in the mean. With ceil_mode a window may reach past the padding: what lies there counts nowhere. */
  readonly countPadding: boolean;
}

export type ActivationFunction =
  | { readonly kind: 'relu' | 'sigmoid' | 'silu' | 'hardSwish' }
  | { readonly kind: 'leakyRelu'; readonly slope: number }
  | { readonly kind: 'clip'; readonly min: number; readonly max: number }
  /** max(0, min(1, alpha x + beta)). */
  | { readonly kind: 'hardSigmoid'; readonly alpha: number; readonly beta: number };
