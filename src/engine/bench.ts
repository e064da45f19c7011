import type { Backbone, BackboneOptions, EngineLog } from './backbone.js';
import { EngineError } from './backbone.js';
import { readModelFile } from './model-file.js';
import { noise } from './noise.js';
import { fedInputs, indexGraph } from './onnx/graph.js';
import { readOnnx } from './onnx/read.js';
import { loadOnnxRuntimeBackbone } from './onnxruntime/backend.js';
import type { OnnxRuntimeLoad } from './onnxruntime/try-load.js';
import { tryOnnxRuntime } from './onnxruntime/try-load.js';
import { settingsForNoise } from './preprocess.js';
import type { SparseLoad } from './sparse/backend.js';
import { loadSparseBackbone } from './sparse/backend.js';
import { median } from './statistics.js';
import { quote } from './text.js';
import { countThreads } from './threads.js';
import type { RatioSummary, TimedPair, TimedRun } from './timed-pairs.js';
import { summariseRatios, timePairs } from './timed-pairs.js';

export interface BenchOptions {
  /** Path of the ONNX file. */
  readonly model: string;
  /** Images in a run. */
  readonly batch: number;
  /** 0: all cores. */
  readonly threads: number;
  /** As BackboneOptions.output. */
  readonly output?: string | undefined;
  /** Height and width of the image where the file leaves them open. */
  readonly size?: number | undefined;
  readonly isa: BackboneOptions['isa'];
  readonly pairs: number;
}

/** What scripts read with `headwater bench --json`. */
export interface BenchReport {
  readonly model: string;
  readonly output: string;
  readonly size: number;
  readonly batch: number;
  readonly threads: number;
  /** Of the sparse engine; null when it does not run the model. */
  readonly isa: string | null;
  readonly pairs: number;
  readonly engines: { readonly sparse: EngineFigures; readonly onnxruntime: EngineFigures };
  /** Sparse over ONNX Runtime, pair by pair; null when one of them does not run the model. */
  readonly ratio: Pick<RatioSummary, 'median' | 'min' | 'max'> | null;
}

export interface EngineFigures {
  /** By the median run; null when the engine does not run the model. */
  readonly imagesPerSecond: number | null;
  /** Why it does not; null when it does. */
  readonly reason: string | null;
}

const warmUps = 2;

/**
 * Times both engines in interleaved pairs of runs, on normalised noise: what each computes, without the way to its threads. An engine that
 * can't run the model is told with its reason, and the other is timed alone.
 *
 * @param onRun is told after each run, of so many in all
 * @throws EngineError when the file or a setting is at fault, or neither engine runs the model
 */
export async function benchModel(
  options: BenchOptions,
  onRun: (done: number, all: number) => void = () => {},
): Promise<BenchReport> {
  const size = await findSize(options);
  const backboneOptions: BackboneOptions = {
    ...options,
    name: 'bench',
    engine: 'auto',
    image: settingsForNoise(size),
  };
  const sparse = await loadSparse(backboneOptions);
  const onnxruntime = await loadOnnxRuntime(backboneOptions).catch(async (error) => {
    await sparse.backbone?.close();
    throw error;
  });
  try {
    const { output } = infoOf(sparse, onnxruntime);
    const times = await timeEngines(sparse.backbone, onnxruntime.backbone, options, onRun);
    const { batch, pairs, model } = options;
    return {
      model,
      output,
      size,
      batch,
      threads: countThreads(options.threads),
      isa: sparse.backbone?.info.isa ?? null,
      pairs,
      engines: {
        sparse: figures(sparse, times.sparse, batch),
        onnxruntime: figures(onnxruntime, times.onnxruntime, batch),
      },
      ratio: times.pairs === undefined ? null : withoutTimes(summariseRatios(times.pairs)),
    };
  } finally {
    await Promise.all([sparse.backbone?.close(), onnxruntime.backbone?.close()]);
  }
}

/** A backbone, or why there is none. */
interface Loaded {
  readonly backbone: Backbone | undefined;
  readonly reason: string | null;
}

const quiet: EngineLog = () => {};

async function loadSparse(options: BackboneOptions): Promise<Loaded> {
  return loadedOrNot(await loadSparseBackbone(options, quiet));
}

async function loadOnnxRuntime(options: BackboneOptions): Promise<Loaded> {
  return loadedOrNot(await tryOnnxRuntime(() => loadOnnxRuntimeBackbone(options, quiet)));
}

function loadedOrNot(load: SparseLoad | OnnxRuntimeLoad): Loaded {
  return load.kind === 'loaded'
    ? { backbone: load.backbone, reason: null }
    : { backbone: undefined, reason: load.reason };
}

function infoOf(sparse: Loaded, onnxruntime: Loaded): Backbone['info'] {
  const backbone = sparse.backbone ?? onnxruntime.backbone;
  if (backbone !== undefined) return backbone.info;
  throw new EngineError(
    'model_unsupported',
    `no engine runs this model: ONNX Runtime: ${onnxruntime.reason}; sparse engine: ${sparse.reason}`,
  );
}

interface Times {
  /** Milliseconds of each run. */
  readonly sparse: readonly number[];
  readonly onnxruntime: readonly number[];
  readonly pairs: readonly TimedPair[] | undefined;
}

async function timeEngines(
  sparse: Backbone | undefined,
  onnxruntime: Backbone | undefined,
  { batch, pairs }: BenchOptions,
  onRun: (done: number, all: number) => void,
): Promise<Times> {
  const size = (sparse ?? onnxruntime)!.image.size;
  const input = noise(batch * 3 * size * size, 1);
  const engines = [sparse, onnxruntime].filter((backbone) => backbone !== undefined);
  const all = engines.length * pairs;
  let done = 0;
  const timed = (backbone: Backbone): TimedRun => {
    return async () => {
      // ONNX Runtime's backend takes the memory away with the call, so each has its own.
      const { computeMs } = await backbone.embed([{ kind: 'input', count: batch, data: input.slice() }]);
      onRun(++done, all);
      return computeMs;
    };
  };
  for (const backbone of engines) {
    for (let run = 0; run < warmUps; run++)
      await backbone.embed([{ kind: 'input', count: batch, data: input.slice() }]);
  }
  if (sparse !== undefined && onnxruntime !== undefined) {
    const exactly = { fewest: pairs, most: pairs, budgetMs: 0 };
    const timedPairs = await timePairs(timed(sparse), timed(onnxruntime), exactly);
    return {
      sparse: timedPairs.map((pair) => pair.sparse),
      onnxruntime: timedPairs.map((pair) => pair.onnxruntime),
      pairs: timedPairs,
    };
  }
  const alone: number[] = [];
  for (let run = 0; run < pairs; run++) alone.push(await timed(engines[0]!)());
  return { sparse: sparse ? alone : [], onnxruntime: onnxruntime ? alone : [], pairs: undefined };
}

function figures({ backbone, reason }: Loaded, times: readonly number[], batch: number): EngineFigures {
  return { imagesPerSecond: backbone === undefined ? null : (1000 * batch) / median(times), reason };
}

function withoutTimes({ median, min, max }: RatioSummary): NonNullable<BenchReport['ratio']> {
  return { median, min, max };
}

/** Height and width of the image: from the file, or as given where the file leaves them open. */
async function findSize({ model: file, size }: BenchOptions): Promise<number> {
  const bytes = await readModelFile(file, 'give the path of an .onnx file');
  const inputs = fedInputs(indexGraph(readOnnx(bytes, file).graph));
  const shape = inputs[0]?.shape;
  const height = shape?.[2];
  if (typeof height === 'number') return height;
  if (size !== undefined) return size;
  // No images at all: loading says so.
  if (shape !== undefined && shape.length !== 4) return 1;
  throw new EngineError(
    'settings_invalid',
    `${file}: the file leaves the size of its input ${quote(inputs[0]?.name ?? '')} open; give it with --size`,
  );
}
