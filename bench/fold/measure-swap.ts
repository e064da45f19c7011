import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Child } from '../measure/child.js';
import { spread } from '../measure/statistics.js';
import type { LabelledEmbeddings } from './embeddings.js';
import { LogWriter } from './log-writer.js';
import { type Answered, delaysOf, nearSwaps, swapsIn } from './request-delays.js';
import type { RequestMessage } from './request-process.js';
import type { Delays, SwapResult } from './results.js';
import { HEAD, ServedHead } from './served-head.js';

export interface SwapPlan {
  readonly title: string;
  readonly samples: LabelledEmbeddings;
  readonly train: 'auto' | readonly string[];
  readonly versionEveryMs: number;
  /** Samples a second while versions change. */
  readonly learning: number;
  /** Requests a second. */
  readonly requests: number;
  readonly rounds: number;
  /** Of each half of a round. */
  readonly seconds: number;
}

/** Around a swap: storing and loading the version, and what it leaves to collect. */
const NEAR_MS = 25;
/** The stream's first samples, and the first version after a rest, are not measured. */
const BEGIN_MS = 1_000;

interface Half {
  readonly answered: readonly Answered[];
  readonly loop: Delays;
}

/** Round by round, requests to a head at rest, and to the same head while it learns and its versions change. */
export async function measureSwap(plan: SwapPlan, folder: string): Promise<SwapResult> {
  const { samples, train, versionEveryMs } = plan;
  const at = join(folder, 'swap');
  const { dimensions, classes } = samples;
  const served = await ServedHead.start({ folder: at, dimensions, classes, train, versionEveryMs });
  const client = new Child<RequestMessage>(new URL('./request-process.js', import.meta.url));
  let writer: LogWriter | undefined;
  try {
    const { dataDir, backboneIdentity, grpcPort } = served;
    writer = await LogWriter.open(dataDir, { heads: [HEAD], backboneIdentity, samples });
    await client.ask({ connect: { grpcPort, head: HEAD, dimensions } });
    const quiet: Half[] = [];
    const swapping: Half[] = [];
    // The first round warms up: a first version, connections, compiled code.
    for (let round = 0; round <= plan.rounds; round++) {
      const halves = round % 2 === 0 ? [swapping, quiet] : [quiet, swapping];
      for (const half of halves) {
        const measured = await measureHalf(plan, served, client, half === swapping ? writer : undefined);
        if (round > 0) half.push(measured);
      }
    }
    return resultOf(plan, quiet, swapping);
  } finally {
    await writer?.close();
    await client.stop();
    await served.stop();
    rmSync(at, { recursive: true, force: true });
  }
}

/** @param writer undefined: nothing is learned meanwhile */
async function measureHalf(
  { learning, requests, seconds }: SwapPlan,
  served: ServedHead,
  client: Child<RequestMessage>,
  writer: LogWriter | undefined,
): Promise<Half> {
  const end = new AbortController();
  await served.atRest();
  const learned = writer?.pace(learning, Number.POSITIVE_INFINITY, end.signal);
  if (writer) await delay(BEGIN_MS);
  await served.loopDelays();
  const { answered } = await client.ask<{ answered: Answered[] }>({ send: { perSecond: requests, seconds } });
  const loop = await served.loopDelays();
  end.abort();
  await learned;
  return { answered, loop };
}

function resultOf(plan: SwapPlan, quiet: readonly Half[], swapping: readonly Half[]): SwapResult {
  const all = (halves: readonly Half[]) => halves.flatMap(({ answered }) => answered);
  const failed = [...all(quiet), ...all(swapping)].filter(({ error }) => error !== undefined);
  for (const { error } of failed.slice(0, 3)) console.error(`  a request failed: ${error}`);
  const swapsOf = swapping.map(({ answered }) => swapsIn(answered));
  const swaps = swapsOf.reduce((sum, each) => sum + each.length, 0);
  const near = swapping.flatMap(({ answered }, index) => nearSwaps(answered, swapsOf[index]!, NEAR_MS));
  const slowest = ({ answered }: Half) => delaysOf(answered).max;
  return {
    title: plan.title,
    requests: all(quiet).length + all(swapping).length,
    perSecond: plan.requests,
    failed: failed.length,
    swaps,
    swapsPerSecond: swaps / (plan.rounds * plan.seconds),
    rounds: plan.rounds,
    quiet: delaysOf(all(quiet)),
    swapping: delaysOf(all(swapping)),
    near: delaysOf(near),
    loopQuiet: loopOf(quiet),
    loopSwapping: loopOf(swapping),
    added: spread(swapping.map((half, round) => slowest(half) - slowest(quiet[round]!))),
  };
}

/** Medians over the rounds, and the largest of all. */
function loopOf(halves: readonly Half[]): Delays {
  const loops = halves.map(({ loop }) => loop);
  const middle = (pick: (delays: Delays) => number) => spread(loops.map(pick)).median;
  return {
    p50: middle(({ p50 }) => p50),
    p99: middle(({ p99 }) => p99),
    max: Math.max(...loops.map(({ max }) => max)),
  };
}
