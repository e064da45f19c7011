import { lanes } from '../native/index.js';
import { buildGraph } from './graph/build.js';
import type { LayerFacts, Totals } from './graph/facts.js';
import { describeLayers, sumLayers } from './graph/facts.js';
import { optimise } from './graph/optimise.js';
import type { Unsupported } from './graph/refusal.js';
import { elementsOf } from './graph/shape.js';
import type { Shape } from './graph/types.js';
import { fedInputs, requirementsOf } from './onnx/graph.js';
import type { OnnxDimension } from './onnx/model.js';
import type { OutputChoice } from './onnx/output.js';
import type { OpenedModel } from './open-model.js';
import { openBytes, openModel } from './open-model.js';
import type { PlannedLayer, PlanResult } from './plan/plan-graph.js';
import { planGraph } from './plan/plan-graph.js';
import { weightSparsity } from './sparsity.js';

export interface InspectOptions {
  /** Path of the ONNX file. */
  readonly model: string;
  /** As BackboneOptions.output. */
  readonly output?: string | undefined;
  /** Height and width of the image where the file leaves them open. */
  readonly size?: number | undefined;
}

/** A model as the engine sees it. Names come from the file: escape them before showing. */
export interface ModelReport {
  readonly model: string;
  readonly opset: number;
  readonly input: { readonly name: string; readonly shape: readonly OnnxDimension[] | undefined };
  readonly embedding: OutputChoice;
  /** Fraction of zeros among the weights that the embedding needs, 0 to 1, as the service reports it. */
  readonly sparsity: number;
  readonly graph: GraphReport | undefined;
  /** Why there is no graph, or no plan of it; empty when there is one. */
  readonly unsupported: readonly Unsupported[];
}

export interface GraphReport {
  readonly inputShape: Shape;
  /** Values of one embedding. */
  readonly dimensions: number;
  readonly layers: readonly LayerFacts[];
  readonly totals: Totals;
  readonly passes: readonly { readonly name: string; readonly counts: string; readonly changes: number }[];
  /** undefined when the sparse engine has none: `unsupported` says why. */
  readonly plan: PlanReport | undefined;
}

/** How the sparse engine runs it. */
export interface PlanReport {
  /** Kernel, reason and layout of each layer, in the order in which they run. */
  readonly layers: readonly PlannedLayer[];
  readonly steps: number;
  /** Of activations in their layout, for one image: each thread of a batch has its own. */
  readonly arenaBytes: number;
  /** Of these, the most that is in use at one step: no arena could be smaller. */
  readonly aliveBytes: number;
  /** Of packed weights. */
  readonly constantBytes: number;
}

/**
 * Reads a model and tells what the engine makes of it. Nothing is run.
 *
 * @throws EngineError when the file is no readable ONNX model, or `output` is not in it
 */
export async function inspectModel(options: InspectOptions): Promise<ModelReport> {
  return (await inspectAndPlan(options)).report;
}

/** A report with the plan that it tells of. */
export interface PlannedReport {
  readonly report: ModelReport;
  /** undefined when the sparse engine has none. */
  readonly planned: PlannedGraph | undefined;
}

/** As `inspectModel`, and keeps the plan, so that it can be run. */
export async function inspectAndPlan(options: InspectOptions): Promise<PlannedReport> {
  return reportModel(await openModel(options.model, options.output, 'give the path of an .onnx file'), options);
}

/** As `inspectModel`, for bytes that were read already; the path is only named in messages. */
export function inspectBytes(bytes: Uint8Array, options: InspectOptions): ModelReport {
  return reportModel(openBytes(bytes, options.output, options.model), options).report;
}

function reportModel({ model, index, output: embedding }: OpenedModel, options: InspectOptions): PlannedReport {
  const file = options.model;
  const result = buildGraph(model, index, { output: embedding.tensor, imageSize: options.size, file });
  const input = fedInputs(index)[0];
  const { planned, ...found } =
    result.kind === 'graph'
      ? reportGraph(result)
      : { graph: undefined, unsupported: result.problems, planned: undefined };
  const report = {
    model: file,
    opset: model.opsets.get('') ?? 0,
    input: { name: input?.name ?? '', shape: input?.shape },
    embedding,
    sparsity: weightSparsity(index, requirementsOf(index, embedding.tensor).nodes),
    ...found,
  };
  return { report, planned };
}

type BuiltGraph = Extract<ReturnType<typeof buildGraph>, { kind: 'graph' }>;
export type PlannedGraph = Extract<PlanResult, { kind: 'plan' }>;

interface GraphFindings extends Pick<ModelReport, 'graph' | 'unsupported'> {
  readonly planned: PlannedGraph | undefined;
}

function reportGraph({ graph, foldedConstants, cutNodes }: BuiltGraph): GraphFindings {
  const optimised = optimise(graph);
  const shape = graph.nodes.find((node) => node.output === graph.output)?.shape ?? graph.input.shape;
  const result = planGraph(optimised.graph);
  const planned = result.kind === 'plan' ? result : undefined;
  const report: GraphReport = {
    inputShape: graph.input.shape,
    dimensions: elementsOf(shape.slice(1)),
    layers: describeLayers(graph, optimised.graph),
    totals: sumLayers(graph, optimised.graph),
    passes: [
      { name: 'cutAtOutput', counts: 'nodes left out that the embedding does not need', changes: cutNodes },
      { name: 'foldConstants', counts: 'nodes computed that depend on constants only', changes: foldedConstants },
      ...optimised.applied,
    ],
    plan: planned && reportPlan(planned),
  };
  return { graph: report, unsupported: result.kind === 'unsupported' ? result.problems : [], planned };
}

/** Bytes of a vector of floats. */
const vectorBytes = 4 * lanes;

function reportPlan({ plan, layers, aliveVectors }: PlannedGraph): PlanReport {
  return {
    layers,
    steps: plan.steps.length,
    arenaBytes: plan.arenaVectors * vectorBytes,
    aliveBytes: aliveVectors * vectorBytes,
    constantBytes: plan.constants.length,
  };
}
