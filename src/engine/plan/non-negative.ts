import type { ActivationFunction, Graph, GraphNode } from '../graph/types.js';

/** Tensors that hold no value below zero, whatever the image. */
export function findNonNegative(graph: Graph): ReadonlySet<string> {
  const found = new Set<string>();
  for (const node of graph.nodes) if (isNonNegative(node, found)) found.add(node.output);
  return found;
}

function isNonNegative({ operation, inputs }: GraphNode, known: ReadonlySet<string>): boolean {
  const inputsAre = inputs.every((input) => known.has(input));
  switch (operation.type) {
    case 'Activation':
      return bends(operation.activation) || (inputsAre && keeps(operation.activation));
    case 'Conv':
    case 'Linear':
    case 'ScaleShift':
      return operation.activation !== undefined && bends(operation.activation);
    case 'Binary': {
      const { activation, operator } = operation;
      if (activation !== undefined && bends(activation)) return true;
      // 0 / 0 is no number, and of no sign.
      return inputsAre && (operator === 'Add' || operator === 'Mul') && (activation === undefined || keeps(activation));
    }
    case 'Softmax':
      return true;
    case 'Pad':
      return inputsAre && operation.value >= 0;
    default:
      return inputsAre;
  }
}

/** Makes whatever comes non-negative. */
function bends(activation: ActivationFunction): boolean {
  const { kind } = activation;
  return (
    kind === 'relu' ||
    kind === 'sigmoid' ||
    kind === 'hardSigmoid' ||
    (kind === 'clip' && activation.min >= 0 && activation.max >= 0)
  );
}

/** Keeps what is not negative so. */
function keeps(activation: ActivationFunction): boolean {
  return activation.kind !== 'clip' || activation.max >= 0;
}
