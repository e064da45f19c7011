import type { BackboneOptions } from '../backbone.js';
import { EngineError } from '../backbone.js';
import { buildGraph } from '../graph/build.js';
import { optimise } from '../graph/optimise.js';
import type { Unsupported } from '../graph/refusal.js';
import { planGraph } from '../plan/plan-graph.js';
import type { PreparedModel } from '../prepare.js';
import { prepareModel } from '../prepare.js';
import { quote, reasonOf } from '../text.js';
import type { NotPlanned, Planned, PlanReply } from './messages.js';

/**
 * From the file to a plan: read, cut at the embedding, graph, passes, plan. Never throws: what goes wrong is in the answer. Takes many
 * times the file's size in memory, so it runs in a thread of its own, which gives all of that back.
 */
export async function planModel(options: BackboneOptions): Promise<PlanReply> {
  let model: PreparedModel;
  try {
    model = await prepareModel(options);
  } catch (error) {
    const code = error instanceof EngineError ? error.code : 'model_unreadable';
    return { kind: 'failed', code, message: reasonOf(error) };
  }
  try {
    return planPrepared(model, options);
  } catch (error) {
    // A limit of the graph, or a fault of the planner: ONNX Runtime may still run the model.
    return { kind: 'unsupported', reason: reasonOf(error) };
  }
}

function planPrepared(model: PreparedModel, { model: file, image }: BackboneOptions): Planned | NotPlanned {
  const { onnx, index } = model;
  const built = buildGraph(onnx, index, { output: model.output.tensor, imageSize: image.size, file });
  if (built.kind === 'unsupported') return { kind: 'unsupported', reason: describeProblems(built.problems) };
  const planned = planGraph(optimise(built.graph).graph);
  if (planned.kind === 'unsupported') return { kind: 'unsupported', reason: describeProblems(planned.problems) };
  const { identity, sparsity } = model;
  return { ...planned, kind: 'planned', output: model.output, identity, sparsity };
}

/** The first problem in words, and how many more there are. */
export function describeProblems(problems: readonly Unsupported[]): string {
  const [first] = problems;
  if (first === undefined) return 'no reason is known';
  const where = first.node === '' ? `the ${first.operator}` : `node ${quote(first.node)} (${first.operator})`;
  const more = problems.length > 1 ? `, and ${problems.length - 1} more (headwater inspect lists them)` : '';
  return `${where}: ${first.reason}${more}`;
}
