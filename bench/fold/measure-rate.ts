import { spawnSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { defaultLearnerOptions, type HeadRequest, type LearnerKind } from '../../src/learner/index.js';
import { spread } from '../measure/statistics.js';
import type { LabelledEmbeddings } from './embeddings.js';
import { LearningChild } from './learning-child.js';
import type { LearningSetting } from './learning-process.js';
import { LogWriter } from './log-writer.js';
import { type Rate, rateFrom } from './marks.js';
import type { RateResult } from './results.js';

export const IDENTITY = 'backbone of the benchmark';
const HEAD = 'bench';
const GiB = 2 ** 30;
/** A share of the samples in which Node.js compiles what it runs: not counted. */
const WARM_UP = 0.1;

export interface RatePlan {
  readonly learners: string;
  readonly train: readonly LearnerKind[];
  readonly samples: LabelledEmbeddings;
  readonly count: number;
  readonly rounds: number;
  readonly target: { readonly cores: RateResult['cores']; readonly perSecond: number };
}

export function headRequest(name: string, samples: LabelledEmbeddings, overrides: Partial<HeadRequest>): HeadRequest {
  return {
    name,
    backbone: 'bench',
    backboneIdentity: IDENTITY,
    dimensions: samples.dimensions,
    classes: samples.classes,
    maxClasses: samples.classes.length,
    learner: defaultLearnerOptions,
    ...overrides,
  };
}

/**
 * The log is written first, by a process that does not learn; then each round learns a copy of it from the beginning, in a new process, in turn with
 * all its threads on one core and wherever they like.
 */
export async function measureRate(plan: RatePlan, folder: string): Promise<RateResult[]> {
  const filled = join(folder, 'filled');
  await fill(plan, filled);
  const results: RateResult[] = [];
  const cores =
    availableParallelism() > 1 && hasTaskset() ? (['all cores', 'one core'] as const) : (['all cores'] as const);
  const rounds = new Map<string, (Rate & { waiting: number })[]>(cores.map((where) => [where, []]));
  try {
    for (let round = 0; round < plan.rounds; round++) {
      for (const where of round % 2 === 0 ? cores : [...cores].reverse()) {
        const copy = join(folder, 'copy');
        cpSync(filled, copy, { recursive: true });
        try {
          const measured = await learnAll(
            plan,
            copy,
            where === 'one core' ? round % availableParallelism() : undefined,
          );
          console.error(`${plan.learners}, ${where}: ${measured.perSecond.toFixed(0)} a second`);
          rounds.get(where)?.push(measured);
        } finally {
          rmSync(copy, { recursive: true, force: true });
        }
      }
    }
  } finally {
    rmSync(filled, { recursive: true, force: true });
  }
  for (const [where, measured] of rounds) {
    results.push({
      learners: plan.learners,
      cores: where as RateResult['cores'],
      source: plan.samples.source,
      dimensions: plan.samples.dimensions,
      classes: plan.samples.classes.length,
      samples: measured[0]!.samples,
      rounds: plan.rounds,
      perSecond: spread(measured.map(({ perSecond }) => perSecond)),
      perCpuSecond: spread(measured.map(({ perCpuSecond }) => perCpuSecond)),
      waiting: spread(measured.map(({ waiting }) => waiting)),
      target: where === plan.target.cores || cores.length === 1 ? plan.target.perSecond : undefined,
    });
  }
  return results;
}

function hasTaskset(): boolean {
  return spawnSync('taskset', ['--version']).status === 0;
}

function setting(plan: RatePlan, dataDir: string): Omit<LearningSetting, 'roles'> {
  const { samples, train } = plan;
  const heads = [headRequest(HEAD, samples, { learner: { ...defaultLearnerOptions, train } })];
  return { dataDir, heads, memoryBytes: GiB, versionEveryMs: 1_000 };
}

async function fill(plan: RatePlan, dataDir: string): Promise<void> {
  const child = await LearningChild.start({ ...setting(plan, dataDir), roles: ['serve'] });
  try {
    const { samples, count } = plan;
    const writer = await LogWriter.open(dataDir, { heads: [HEAD], backboneIdentity: IDENTITY, samples });
    await writer.write(count);
    await writer.close();
  } finally {
    await child.close();
  }
}

async function learnAll(plan: RatePlan, dataDir: string, core: number | undefined) {
  const child = await LearningChild.start({ ...setting(plan, dataDir), roles: ['learn'], core });
  try {
    const marks = await child.trained(plan.count);
    const { waits, problems } = await child.report();
    if (problems.length > 0) console.error(`  ${problems.join('\n  ')}`);
    const rate = rateFrom(marks, Math.ceil(WARM_UP * plan.count));
    const seconds = (marks.at(-1)!.atMs - marks[0]!.atMs) / 1000;
    return { ...rate, waiting: waits.seconds / seconds };
  } finally {
    await child.close();
  }
}
