import type { Plan } from '../../native/index.js';
import type { EngineError } from '../backbone.js';
import type { OutputChoice } from '../onnx/output.js';
import type { PlannedLayer } from '../plan/plan-graph.js';

// What the planning thread answers, once: the model as a plan, or why there is none.

export interface Planned {
  readonly kind: 'planned';
  /** Its constants are transferred. */
  readonly plan: Plan;
  readonly layers: readonly PlannedLayer[];
  readonly output: OutputChoice;
  readonly identity: string;
  readonly sparsity: number;
}

/** A good model that this engine does not run. */
export interface NotPlanned {
  readonly kind: 'unsupported';
  /** Names the node. */
  readonly reason: string;
}

/** No engine could run this: the file or a setting is at fault. */
export interface PlanFailed {
  readonly kind: 'failed';
  readonly code: EngineError['code'];
  readonly message: string;
}

export type PlanReply = Planned | NotPlanned | PlanFailed;
