// `npm run bench:fold`: how fast heads learn from their logs, what 1,000 of them take, and what requests feel of it when versions change.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { learnerKinds } from '../src/learner/index.js';
import { generatedEmbeddings, type LabelledEmbeddings, realEmbeddings } from './fold/embeddings.js';
import { type HeadsPlan, measureHeads } from './fold/measure-heads.js';
import { measurePaced } from './fold/measure-paced.js';
import { measureRate, type RatePlan } from './fold/measure-rate.js';
import { measureSwap, type SwapPlan } from './fold/measure-swap.js';
import { type Options, readOptions, USAGE } from './fold/options.js';
import type { FoldResult, PacedResult, RateResult, SwapResult } from './fold/results.js';
import { commandLine } from './report/command-line.js';
import { foldSection } from './report/fold-tables.js';
import { describeMachine } from './report/machine.js';
import { writeSections } from './report/page.js';

const [DIMENSIONS, CLASSES] = [1024, 101];
/** Samples that differ: longer streams begin again. */
const DISTINCT = 4_040;
const SGD_TARGET = { cores: 'one core', perSecond: 5_000 } as const;
const AUTO_TARGET = { cores: 'all cores', perSecond: 500 } as const;
const WAITING_TARGET = 0.02;

async function measure(options: Options, folder: string): Promise<FoldResult> {
  const { only } = options;
  const rates = only.includes('rate') ? await measureRates(options, folder) : [];
  const paced = only.includes('paced') ? await measureAllPaced(options, rates, folder) : [];
  const heads = only.includes('heads') ? await measureHeads(headsPlan(options), folder) : undefined;
  const swaps: SwapResult[] = [];
  if (only.includes('swap')) for (const plan of swapPlans(options)) swaps.push(await measureSwap(plan, folder));
  return { machine: describeMachine(), command: commandLine('bench:fold'), rates, paced, heads, swaps };
}

/** Generated ones, and real ones where bench:learn left some of these dimensions. */
function streams(): LabelledEmbeddings[] {
  const real = realEmbeddings('caltech101', 'mobilenetv1');
  return [generatedEmbeddings(DIMENSIONS, CLASSES, DISTINCT), ...(real ? [real] : [])];
}

async function measureRates({ quick, rounds }: Options, folder: string): Promise<RateResult[]> {
  const plans = streams().flatMap((samples): RatePlan[] => [
    { learners: 'sgd', train: ['sgd'], samples, count: quick ? 4_000 : 30_000, rounds, target: SGD_TARGET },
    { learners: 'all', train: learnerKinds, samples, count: quick ? 1_000 : 8_000, rounds, target: AUTO_TARGET },
  ]);
  const results: RateResult[] = [];
  for (const plan of plans) results.push(...(await measureRate(plan, folder)));
  return results;
}

/** At the rate that is promised, and at the one that was measured. */
async function measureAllPaced(
  { quick }: Options,
  rates: readonly RateResult[],
  folder: string,
): Promise<PacedResult[]> {
  const results: PacedResult[] = [];
  for (const samples of streams()) {
    const measured = rates.find(
      ({ learners, cores, source }) => learners === 'all' && cores === 'all cores' && source === samples.source,
    );
    const sustained = Math.floor(measured?.perSecond.median ?? AUTO_TARGET.perSecond);
    for (const perSecond of new Set([AUTO_TARGET.perSecond, sustained])) {
      const plan = { samples, count: quick ? 1_000 : 10_000, perSecond, target: WAITING_TARGET };
      console.error(`${samples.source}: ${perSecond} samples a second`);
      results.push(await measurePaced(plan, folder));
    }
  }
  return results;
}

function headsPlan({ quick, seconds }: Options): HeadsPlan {
  const [heads, perSecond] = quick ? [50, 100] : [1_000, 2_000];
  return { heads, perSecond, seconds, classes: 10, dimensions: DIMENSIONS, memoryBytes: 2 ** 31 };
}

function swapPlans({ quick, rounds }: Options): SwapPlan[] {
  const common = { versionEveryMs: 200, requests: 200, rounds, seconds: quick ? 3 : 10 };
  const sizes = quick
    ? [[CLASSES, DIMENSIONS] as const]
    : ([
        [CLASSES, DIMENSIONS],
        [1_000, 2_048],
      ] as const);
  return sizes.map(([classes, dimensions]) => ({
    ...common,
    title: `${classes} x ${dimensions}`,
    samples: generatedEmbeddings(dimensions, classes, Math.max(classes, 1_010)),
    // With many large classes, all learners are more than two cores have time for.
    train: classes > CLASSES ? ['sgd'] : 'auto',
    learning: 50,
  }));
}

const folder = mkdtempSync(join(tmpdir(), 'headwater-fold-'));
try {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) console.log(USAGE);
  else {
    const result = await measure(options, folder);
    const section = foldSection(result);
    (options.json ? console.error : console.log)(`\n${section.markdown}`);
    if (options.write) writeSections([section], 'learning.md');
    if (options.json) console.log(JSON.stringify(result));
  }
} catch (error) {
  console.error(`bench:fold: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
