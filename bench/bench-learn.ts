// `npm run bench:learn`: how accurate a head is after one pass over a stream, beside an offline fit of the same samples by scikit-learn, on
// every set and backbone of ../shared. What is slow (embeddings, offline fits) is kept in .cache/bench-learn.
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { learnerKinds } from '../src/learner/index.js';
import { type Baseline, findPython, readBaseline, runBaseline } from './learn/baseline.js';
import { averageCurve } from './learn/curves.js';
import { type CacheEntry, cacheEntry, type EmbeddingsInfo } from './learn/embedding-cache.js';
import { embeddingsOf } from './learn/embeddings.js';
import { type Options, type PairName, readOptions, wantedPairs } from './learn/options.js';
import type { PassResult, Split } from './learn/pass.js';
import type { PassMessage } from './learn/pass-process.js';
import { embedded, pictures, writePictures } from './learn/pictures.js';
import type { LearnBenchResult, PairResult, SplitResult } from './learn/results.js';
import { type Score, scoreOf } from './learn/scores.js';
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

/** @returns by pair; without those that could not run, and why. The cache is looked at before Python is. */
async function baselinesOf(
  pairs: readonly Pair[],
  jobs: number,
): Promise<{ found: Map<Pair, Baseline>; problem?: string }> {
  const found = new Map<Pair, Baseline>();
  const read = (pair: Pair) => {
    const baseline = readBaseline(pair.entry, pair.info.samples);
    if (baseline !== undefined) found.set(pair, baseline);
    return baseline !== undefined;
  };
  const missing = pairs.filter((pair) => !read(pair));
  if (missing.length === 0) return { found };
  let python: string;
  try {
    python = findPython();
  } catch (error) {
    return { found, problem: `${missing.length} offline fits: ${(error as Error).message}` };
  }
  console.error(`${missing.length} offline fits to do, on ${jobs} cores: seconds to ten minutes each, once`);
  await sideBySide(missing, Array.from({ length: jobs }), async (pair) => {
    await runBaseline(python, pair.entry);
    read(pair);
    console.error(`${nameOf(pair)}: offline fit done`);
  });
  return { found };
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
      const { top1 } = championScore(pass, pair, split);
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

function championScore({ champion, candidates }: PassResult, { info }: Pair, { test }: Split): Score {
  const { predicted } = candidates.find(({ name }) => name === champion)!;
  return scoreOf(
    predicted,
    test.map((index) => info.labels[index]!),
  );
}

function foldTasks(pair: Pair, folds: number): Task[] {
  return Array.from({ length: folds }, (_, fold) => {
    return { name: `${nameOf(pair)}, fold ${fold + 1}`, pair, split: foldSplit(pair.info, fold) };
  });
}

function shuffleTasks(known: KnownSplit, pair: Pair, shuffles: number): Task[] {
  const isStreamed = known.isStreamed(pair.info);
  return Array.from({ length: shuffles }, (_, index) => {
    return { name: `${nameOf(pair)}, shuffle ${index + 1}`, pair, split: shuffledSplit(isStreamed, index + 1) };
  });
}

function pairResult(
  pair: Pair,
  tasks: readonly Task[],
  passes: ReadonlyMap<Task, PassResult>,
  baseline: Baseline | undefined,
): PairResult {
  const { set, backbone, info } = pair;
  return {
    ...{ set: set.name, title: set.title, backbone: backbone.name, dense: backbone.dense },
    ...{ samples: info.samples, classes: info.classes.length },
    folds: tasks.map((task) => foldResult(info, task.split, passes.get(task)!, baseline)),
    curve: averageCurve(tasks.map((task) => passes.get(task)!.curve)),
  };
}

function splitResult(
  { title, backbone, orientation, offline }: KnownSplit,
  tasks: readonly Task[],
  passes: ReadonlyMap<Task, PassResult>,
): SplitResult {
  return {
    ...{ title, backbone, orientation, offline },
    shuffles: tasks.map((task) => championScore(passes.get(task)!, task.pair, task.split).top1),
  };
}

async function bench(options: Options): Promise<LearnBenchResult> {
  const wanted = wantedPairs(options);
  checkFiles(wanted);
  const pairs = await embedAll(wanted, availableParallelism());
  const { found, problem } = await baselinesOf(pairs, options.jobs);
  if (problem !== undefined) console.error(problem);
  const folds = pairs.map((pair) => ({ pair, tasks: foldTasks(pair, options.folds) }));
  const splits = SPLITS.flatMap((known) => {
    const pair = pairs.find(({ set, backbone }) => set.name === known.set && backbone.name === known.backbone);
    return pair === undefined ? [] : { known, tasks: shuffleTasks(known, pair, options.shuffles) };
  });
  const passes = await runPasses(
    [...folds, ...splits].flatMap(({ tasks }) => tasks),
    options.jobs,
  );
  return {
    machine: describeMachine(),
    command: commandLine('bench:learn'),
    baseline: [...found.values()][0]?.baseline,
    learners: learnerKinds,
    pairs: folds.map(({ pair, tasks }) => pairResult(pair, tasks, passes, found.get(pair))),
    splits: splits.map(({ known, tasks }) => splitResult(known, tasks, passes)),
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
