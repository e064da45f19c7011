import type { GraphNode } from '../../graph/types.js';
import type { Emitted, Emitter } from '../emitter.js';
import { emitConvolution } from './convolution.js';
import { emitBinary, emitPointwise } from './elementwise.js';
import { emitLinear } from './linear.js';
import { emitReshape, emitSoftmax, emitTranspose } from './plain.js';
import { emitGlobalAverage, emitPool } from './pool.js';
import { emitConcat, emitIdentity, emitPad, emitResize, emitSlice } from './relayout.js';

/** Emits the steps of one node. @throws Refusal for what the plan can't hold */
export function emitNode(emitter: Emitter, node: GraphNode): Emitted {
  const { operation } = node;
  switch (operation.type) {
    case 'Conv':
      return emitConvolution(emitter, node, operation);
    case 'Linear':
      return emitLinear(emitter, node, operation);
    case 'ScaleShift':
    case 'Activation':
      return emitPointwise(emitter, node, operation);
    case 'Binary':
      return emitBinary(emitter, node, operation);
    case 'MaxPool':
    case 'AveragePool':
      return emitPool(emitter, node, operation);
    case 'GlobalAveragePool':
      return emitGlobalAverage(emitter, node);
    case 'Concat':
      return emitConcat(emitter, node, operation.axis);
    case 'Softmax':
      return emitSoftmax(emitter, node, operation.axis);
    case 'Resize':
      return emitResize(emitter, node, operation.factors);
    case 'Pad':
      return emitPad(emitter, node, operation.pads, operation.value);
    case 'Reshape':
      return emitReshape(emitter, node);
    case 'Transpose':
      return emitTranspose(emitter, node, operation.permutation);
    case 'Slice':
      return emitSlice(emitter, node, operation.starts, operation.steps);
    case 'Identity':
      return emitIdentity(emitter, node);
  }
}
