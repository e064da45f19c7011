// `npm run bench:learn`: how accurate a head is after one pass over a stream, beside an offline fit of the same samples by scikit-learn, on
// every set and backbone of ../shared. What is slow (embeddings, offline fits) is kept in .cache/bench-learn.
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { learnerKinds } from '../src/learner/index.js';
import { type Baseline, baselinesOf, type OfflineFit } from './learn/baseline.js';
import { averageCurve } from './learn/curves.js';
import { type CacheEntry, cacheEntry, type EmbeddingsInfo } from './learn/embedding-cache.js';
import { embeddingsOf } from './learn/embeddings.js';
import { type Options, type PairName, readOptions, wantedPairs } from './learn/options.js';
import type { PassResult, Split } from './learn/pass.js';
import type { PassMessage } from './learn/pass-process.js';
import { embedded, pictures, writePictures } from './learn/pictures.js';
import type { LearnBenchResult, PairResult, SplitResult } from './learn/results.js';
import { sideBySide } from './learn/side-by-side.js';
import { foldSplit, type KnownSplit, SPLITS, shuffledSplit } from './learn/splits.js';
import { foldResult } from './learn/summarise.js';
import { Child } from './measure/child.js';
import { commandLine } from './report/command-line.js';
import { learnSections } from './report/learn-tables.js';
import { describeMachine } from './report/machine.js';
import { writeSections } from './report/page.js';

/** A set on a backbone, with its embeddings in the cache. */
interface Pair extends PairName {
  readonly entry: CacheEntry;
  readonly info: EmbeddingsInfo;
}

/** One pass. */
interface Task {
  readonly name: string;
  readonly pair: Pair;
  readonly split: Split;
}

/** @throws Error that says which files are missing, and where they belong */
function checkFiles(pairs: readonly PairName[]): void {
  const missing = [...new Set(pairs.flatMap(({ set, backbone }) => [set.file, backbone.file]))].filter(
    (file) => !existsSync(file),
  );
  if (missing.length === 0) return;
  throw new Error(
    `not there: ${missing.join(', ')}. The photos and backbones of ../shared lie beside the repository and are not part of it; put that folder there (its README.md says what is in it), or leave these out with --only`,
  );
}

async function embedAll(pairs: readonly PairName[], threads: number): Promise<Pair[]> {
  const embedded: Pair[] = [];
  for (const { set, backbone } of pairs) {
    const { values: _, ...info } = await embeddingsOf(set, backbone, threads, (line) => console.error(line));
    embedded.push({ set, backbone, entry: cacheEntry(set, backbone), info });
  }
  return embedded;
}

function nameOf({ set, backbone }: PairName): string {
  return `${set.name}/${backbone.name}`;
}

/** All passes; those of a pair come one after the other, so that a process seldom reads embeddings anew. */
async function runPasses(tasks: readonly Task[], jobs: number): Promise<Map<Task, PassResult>> {
  const children = Array.from(
    { length: Math.min(jobs, tasks.length) },
    () => new Child<PassMessage>(new URL('./learn/pass-process.js', import.meta.url)),
  );
  try {
    const passes = await sideBySide(tasks, children, async ({ name, pair, split }, child) => {
      const pass = await child.ask<PassResult>({ entry: pair.entry, split });
      const { top1 } = foldResult(pair.info, split, pass, undefined).auto;
      console.error(
        `${name}: ${(100 * top1).toFixed(1)} % by ${pass.champion}, in ${(pass.milliseconds / 1000).toFixed(1)} s`,
      );
      return pass;
    });
    return new Map(tasks.map((task, index) => [task, passes[index]!]));
  } finally {
    await Promise.all(children.map((child) => child.stop()));
  }
}

/** What is run on a pair: the passes, and the offline fit that they are compared with. */
interface Measurement {
  readonly pair: Pair;
  readonly tasks: readonly Task[];
  readonly fit: OfflineFit;
}

/** What came out. */
interface Outcomes {
  readonly passes: ReadonlyMap<Task, PassResult>;
  readonly baselines: ReadonlyMap<OfflineFit, Baseline>;
}

function overFolds(pair: Pair, folds: number): Measurement {
  const name = nameOf(pair);
  const { entry, info } = pair;
  const tasks = Array.from({ length: folds }, (_, fold) => {
    return { name: `${name}, fold ${fold + 1}`, pair, split: foldSplit(info, fold) };
  });
  return { pair, tasks, fit: { name, embeddings: entry, samples: info.samples, result: entry.baseline } };
}

function overShuffles(known: KnownSplit, pair: Pair, shuffles: number): Measurement {
  const { entry, info } = pair;
  const name = `${nameOf(pair)}, split by file`;
  const isStreamed = known.isStreamed(info);
  const tasks = Array.from({ length: shuffles }, (_, index) => {
    return { name: `${name}, shuffle ${index + 1}`, pair, split: shuffledSplit(isStreamed, index + 1) };
  });
  const folds = isStreamed.map((streamed) => (streamed ? -1 : 0));
  return { pair, tasks, fit: { name, embeddings: entry, samples: info.samples, result: entry.splitBaseline, folds } };
}

function pairResult({ pair, tasks, fit }: Measurement, { passes, baselines }: Outcomes): PairResult {
  const { set, backbone, info } = pair;
  return {
    ...{ set: set.name, title: set.title, backbone: backbone.name, dense: backbone.dense },
    ...{ samples: info.samples, classes: info.classes.length },
    folds: tasks.map((task) => foldResult(info, task.split, passes.get(task)!, baselines.get(fit))),
    curve: averageCurve(tasks.map((task) => passes.get(task)!.curve)),
  };
}

function splitResult(known: KnownSplit, { pair, tasks, fit }: Measurement, outcomes: Outcomes): SplitResult {
  const { title, backbone, orientation, offline } = known;
  const results = tasks.map((task) =>
    foldResult(pair.info, task.split, outcomes.passes.get(task)!, outcomes.baselines.get(fit)),
  );
  return {
    ...{ title, backbone, orientation, offline },
    shuffles: results.map(({ auto }) => auto.top1),
    baseline: results[0]?.baseline?.top1,
  };
}

async function bench(options: Options): Promise<LearnBenchResult> {
  const wanted = wantedPairs(options);
  checkFiles(wanted);
  const pairs = await embedAll(wanted, availableParallelism());
  const folds = pairs.map((pair) => overFolds(pair, options.folds));
  const splits = SPLITS.flatMap((known) => {
    const pair = pairs.find(({ set, backbone }) => set.name === known.set && backbone.name === known.backbone);
    return pair === undefined ? [] : { known, measurement: overShuffles(known, pair, options.shuffles) };
  });
  const all = [...folds, ...splits.map(({ measurement }) => measurement)];
  const { found: baselines, problem } = await baselinesOf(
    all.map(({ fit }) => fit),
    options.jobs,
    console.error,
  );
  if (problem !== undefined) {
    if (options.write) throw new Error(`--write: the page holds whole tables, but ${problem}`);
    console.error(problem);
  }
  const passes = await runPasses(
    all.flatMap(({ tasks }) => tasks),
    options.jobs,
  );
  const outcomes = { passes, baselines };
  return {
    machine: describeMachine(),
    command: commandLine('bench:learn'),
    baseline: [...baselines.values()][0]?.baseline,
    learners: learnerKinds,
    pairs: folds.map((measurement) => pairResult(measurement, outcomes)),
    splits: splits.map(({ known, measurement }) => splitResult(known, measurement, outcomes)),
    leftOut: problem === undefined ? [] : [problem],
  };
}

try {
  const options = readOptions();
  const result = await bench(options);
  const made = pictures(result.pairs);
  for (const { markdown } of learnSections(result)) (options.json ? console.error : console.log)(`\n${markdown}`);
  if (options.write) {
    writePictures(made);
    writeSections(learnSections(result, embedded(made)), 'learning.md');
  }
  if (options.json) console.log(JSON.stringify(result));
} catch (error) {
  console.error(`bench:learn: ${(error as Error).message}`);
  process.exitCode = 1;
}
