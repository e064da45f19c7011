import { fuseActivations } from './passes/activations.js';
import { removeDeadNodes } from './passes/dead-nodes.js';
import { removeIdentities } from './passes/identities.js';
import type { PassResult } from './passes/pass.js';
import { fuseResiduals } from './passes/residual.js';
import { foldScaleShift } from './passes/scale-shift.js';
import { recogniseSilu } from './passes/silu.js';
import { removeZeroFilters } from './passes/zero-filters.js';
import type { Graph } from './types.js';

export interface Pass {
  readonly name: string;
  /** What one change is, for people. */
  readonly counts: string;
  readonly apply: (graph: Graph) => PassResult;
}

/** In the order in which they build on each other: zero filters go while sums and activations still stand alone. */
export const passes: readonly Pass[] = [
  { name: 'removeIdentities', counts: 'identities and dropouts removed', apply: removeIdentities },
  { name: 'recogniseSilu', counts: 'products with an own sigmoid made SiLU or HardSwish', apply: recogniseSilu },
  { name: 'foldScaleShift', counts: 'normalisations and constants folded into weights', apply: foldScaleShift },
  { name: 'removeZeroFilters', counts: 'filters removed that are zero or unread', apply: removeZeroFilters },
  { name: 'removeDeadNodes', counts: 'operations removed that nobody reads', apply: removeDeadNodes },
  { name: 'fuseResiduals', counts: 'sums fused into the convolution before', apply: fuseResiduals },
  { name: 'fuseActivations', counts: 'activations fused into the operation before', apply: fuseActivations },
];

export interface Optimised {
  readonly graph: Graph;
  readonly applied: readonly { readonly name: string; readonly counts: string; readonly changes: number }[];
}

export function optimise(graph: Graph): Optimised {
  let current = graph;
  const applied = passes.map(({ name, counts, apply }) => {
    const result = apply(current);
    current = result.graph;
    return { name, counts, changes: result.changes };
  });
  return { graph: current, applied };
}
