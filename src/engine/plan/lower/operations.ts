import type { GraphNode } from '../../graph/types.js';
import type { Lowered, Lowering } from '../lowering.js';
import { lowerConvolution } from './convolution.js';
import { lowerBinary, lowerPointwise } from './elementwise.js';
import { lowerLinear } from './linear.js';
import { lowerReshape, lowerSoftmax, lowerTranspose } from './plain.js';
import { lowerGlobalAverage, lowerPool } from './pool.js';
import { lowerConcat, lowerIdentity, lowerPad, lowerResize, lowerSlice } from './relayout.js';

/** Emits the steps of one node. @throws Refusal for what the plan can't hold */
export function lowerNode(lowering: Lowering, node: GraphNode): Lowered {
  const { operation } = node;
  switch (operation.type) {
    case 'Conv':
      return lowerConvolution(lowering, node, operation);
    case 'Linear':
      return lowerLinear(lowering, node, operation);
    case 'ScaleShift':
    case 'Activation':
      return lowerPointwise(lowering, node, operation);
    case 'Binary':
      return lowerBinary(lowering, node, operation);
    case 'MaxPool':
    case 'AveragePool':
      return lowerPool(lowering, node, operation);
    case 'GlobalAveragePool':
      return lowerGlobalAverage(lowering, node);
    case 'Concat':
      return lowerConcat(lowering, node, operation.axis);
    case 'Softmax':
      return lowerSoftmax(lowering, node, operation.axis);
    case 'Resize':
      return lowerResize(lowering, node, operation.factors);
    case 'Pad':
      return lowerPad(lowering, node, operation.pads, operation.value);
    case 'Reshape':
      return lowerReshape(lowering, node);
    case 'Transpose':
      return lowerTranspose(lowering, node, operation.permutation);
    case 'Slice':
      return lowerSlice(lowering, node, operation.starts, operation.steps);
    case 'Identity':
      return lowerIdentity(lowering, node);
  }
}
