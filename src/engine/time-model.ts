import type { Executor, RunItem } from '../native/index.js';
import { loadNative } from '../native/index.js';
import type { BackboneOptions } from './backbone.js';
import type { InspectOptions, ModelReport, PlannedGraph } from './inspect.js';
import { inspectAndPlan } from './inspect.js';
import type { LayerTime } from './layer-times.js';
import { medianOfRuns, sumLayerTimes } from './layer-times.js';
import { noise } from './noise.js';
import { settingsForNoise } from './preprocess.js';
import { checkIsa, createExecutor, reasonOfRefusal } from './sparse/executor.js';

export interface TimeOptions extends InspectOptions {
  /** 0: all cores. */
  readonly threads: number;
  readonly isa: BackboneOptions['isa'];
}

/** Where the time of one image goes. */
export interface ModelTimes {
  readonly isa: string;
  readonly threads: number;
  readonly repetitions: number;
  /** Median of whole images. */
  readonly microseconds: number;
  readonly layers: readonly LayerTime[];
}

export interface TimedReport extends ModelReport {
  /** null when the model could not be timed. */
  readonly times: ModelTimes | null;
  /** Why not; null when it was. */
  readonly notTimed: string | null;
}

const warmUps = 3;
const repetitions = 31;

/**
 * As `inspectModel`, and runs the plan on the sparse engine: one image of noise, again and again, each step timed. Needs the addon and a
 * model that has a plan; else `notTimed` says what is missing.
 *
 * @throws EngineError when the file or a setting is at fault
 */
export async function timeModel(options: TimeOptions): Promise<TimedReport> {
  const { report, planned } = await inspectAndPlan(options);
  const timed = await timePlan(planned, report, options);
  return typeof timed === 'string'
    ? { ...report, times: null, notTimed: timed }
    : { ...report, times: timed, notTimed: null };
}

/** The times, or why there are none. */
async function timePlan(
  planned: PlannedGraph | undefined,
  { graph }: ModelReport,
  { threads, isa }: TimeOptions,
): Promise<ModelTimes | string> {
  if (planned === undefined) return 'the engine has no plan for this model';
  const native = loadNative();
  if (native.kind === 'absent') return native.reason;
  checkIsa({ name: 'inspect', isa }, native);
  const { height } = planned.plan.input;
  let executor: Executor;
  try {
    executor = createExecutor(native, planned.plan, { threads, isa, image: settingsForNoise(height) });
  } catch (error) {
    return reasonOfRefusal(error);
  }
  try {
    const useful = graph!.layers.flatMap(({ name, weights }) =>
      weights === undefined ? [] : ([[name, weights.usefulMultiplyAdds]] as const),
    );
    return await timeLayers(executor, planned, new Map(useful));
  } finally {
    await executor.close();
  }
}

async function timeLayers(
  executor: Executor,
  { plan, layers }: PlannedGraph,
  useful: ReadonlyMap<string, number>,
): Promise<ModelTimes> {
  const steps = plan.steps.length;
  const { channels, height, width } = plan.input;
  const image: RunItem = { kind: 'input', count: 1, data: noise(channels * height * width, 1) };
  await executor.profile(image, warmUps);
  const microseconds = await executor.profile(image, repetitions);
  return {
    isa: executor.isa,
    threads: executor.threads,
    repetitions,
    microseconds: medianOfRuns(microseconds, steps),
    layers: sumLayerTimes(microseconds, steps, layers, useful),
  };
}
