import { lowerClip, lowerHardSigmoid, lowerLeakyRelu, lowerPlainActivation } from './activations.js';
import { lowerArithmetic, lowerBatchNormalization, lowerSum } from './arithmetic.js';
import { lowerConvolution } from './convolution.js';
import { lowerPad, lowerResize } from './image.js';
import {
  lowerConcat,
  lowerDropout,
  lowerFlatten,
  lowerIdentity,
  lowerReshape,
  lowerSoftmax,
  lowerSqueeze,
  lowerTranspose,
  lowerUnsqueeze,
} from './layout.js';
import { lowerGemm, lowerMatMul } from './linear.js';
import { lowerAveragePool, lowerGlobalAveragePool, lowerMaxPool, lowerReduceMean } from './pool.js';
import { lowerSlice, lowerSplit } from './slice.js';
import type { Lowered, NodeSource } from './source.js';

/** Reads one ONNX node: what each of its outputs becomes. Throws Refusal for what the typed graph does not hold. */
export type Lowering = (source: NodeSource) => Lowered[];

/** Every operator of ONNX that may work on activations. */
export const operators: ReadonlyMap<string, Lowering> = new Map<string, Lowering>([
  ['Add', lowerArithmetic('Add')],
  ['AveragePool', lowerAveragePool],
  ['BatchNormalization', lowerBatchNormalization],
  ['Clip', lowerClip],
  ['Concat', lowerConcat],
  ['Conv', lowerConvolution],
  ['Div', lowerArithmetic('Div')],
  ['Dropout', lowerDropout],
  ['Flatten', lowerFlatten],
  ['Gemm', lowerGemm],
  ['GlobalAveragePool', lowerGlobalAveragePool],
  ['HardSigmoid', lowerHardSigmoid],
  ['HardSwish', lowerPlainActivation('hardSwish')],
  ['Identity', lowerIdentity],
  ['LeakyRelu', lowerLeakyRelu],
  ['MatMul', lowerMatMul],
  ['MaxPool', lowerMaxPool],
  ['Mul', lowerArithmetic('Mul')],
  ['Pad', lowerPad],
  ['ReduceMean', lowerReduceMean],
  ['Relu', lowerPlainActivation('relu')],
  ['Reshape', lowerReshape],
  ['Resize', lowerResize],
  ['Sigmoid', lowerPlainActivation('sigmoid')],
  ['Slice', lowerSlice],
  ['Softmax', lowerSoftmax],
  ['Split', lowerSplit],
  ['Squeeze', lowerSqueeze],
  ['Sub', lowerArithmetic('Sub')],
  ['Sum', lowerSum],
  ['Transpose', lowerTranspose],
  ['Unsqueeze', lowerUnsqueeze],
  ['Upsample', lowerResize],
]);
