// What is measured on ResNet-50 at 90 % only: isolated requests, memory and load time, a noisy neighbour.
import { Child } from '../measure/child.js';
import { EngineClient, emptyProcess } from '../measure/engine-client.js';
import type { EngineSetting } from '../measure/engine-process.js';
import { interleave, timeRatio } from '../measure/interleave.js';
import { median, quantile, spread } from '../measure/statistics.js';
import type { MeasurePlan } from './plan.js';
import { restMs } from './plan.js';
import type { Footprint, FootprintResult, IsolatedResult, NoiseResult, Tail } from './results.js';

const TITLE = 'ResNet-50, uniform 90 %, batch 1';
const GAP_MS = 4;
const ISOLATED_TARGET = 4;
const RUNS_BEFORE_MEMORY = 20;
const NOISE_BLOCK = 25;

/** The setting of either engine; what differs is only `engine`. */
export type Sides = { readonly sparse: EngineSetting; readonly fp32: EngineSetting };

export async function measureIsolated(sides: Sides, plan: MeasurePlan): Promise<IsolatedResult> {
  return withClients(sides, async (sparse, fp32) => {
    const turns = [sparse.isolated('sparse', GAP_MS), fp32.isolated('fp32', GAP_MS)];
    const rounds = await interleave(turns, { rounds: plan.pairs, restMs: restMs(1) });
    return {
      title: TITLE,
      gapMs: GAP_MS,
      pairs: plan.pairs,
      target: ISOLATED_TARGET,
      milliseconds: {
        sparse: spread(rounds.map((round) => round.sparse!)),
        fp32: spread(rounds.map((round) => round.fp32!)),
      },
      ratio: timeRatio(rounds, 'fp32', 'sparse')!,
    };
  });
}

export async function measureFootprint(sides: Sides, plan: MeasurePlan): Promise<FootprintResult> {
  const found: { sparse: Footprint[]; fp32: Footprint[] } = { sparse: [], fp32: [] };
  for (let index = 0; index < plan.processes; index++) {
    found.sparse.push(await footprint(sides.sparse));
    found.fp32.push(await footprint(sides.fp32));
  }
  return { title: TITLE, processes: plan.processes, sparse: middle(found.sparse), fp32: middle(found.fp32) };
}

async function footprint(setting: EngineSetting): Promise<Footprint> {
  const empty = await emptyProcess();
  const client = await EngineClient.open(setting);
  try {
    await client.time(0, RUNS_BEFORE_MEMORY);
    const { resident, peak } = await client.memory();
    return { resident: resident - empty.resident, peak: peak - empty.resident, loadMs: client.loadMs };
  } finally {
    await client.stop();
  }
}

function middle(all: readonly Footprint[]): Footprint {
  const of = (key: keyof Footprint) => median(all.map((one) => one[key]));
  return { resident: of('resident'), peak: of('peak'), loadMs: of('loadMs') };
}

/** Both engines in blocks of runs, in turn: first on a quiet machine, then beside a process that burns one core. */
export async function measureNoise(sides: Sides, plan: MeasurePlan): Promise<NoiseResult> {
  return withClients(sides, async (sparse, fp32) => {
    const clients = { sparse, fp32 };
    const quiet = await tails(clients, plan.noiseRuns, sides.sparse.threads);
    const burner = new Child<{ wait: true }>(new URL('../measure/noise-process.js', import.meta.url));
    try {
      // Its first message says that it burns: before that, the engine whose turn is first would have a quiet neighbour.
      await burner.ask({ wait: true });
      const noisy = await tails(clients, plan.noiseRuns, sides.sparse.threads);
      const tail = (name: 'sparse' | 'fp32'): Tail => ({ quiet: quiet[name], noisy: noisy[name] });
      const { threads } = sides.sparse;
      return { title: TITLE, threads, runs: plan.noiseRuns, sparse: tail('sparse'), fp32: tail('fp32') };
    } finally {
      await burner.stop();
    }
  });
}

async function tails(clients: { sparse: EngineClient; fp32: EngineClient }, runs: number, threads: number) {
  const times: { sparse: number[]; fp32: number[] } = { sparse: [], fp32: [] };
  const turn = (name: 'sparse' | 'fp32') => ({
    name,
    turn: async () => {
      const timed = await clients[name].time(1, NOISE_BLOCK);
      times[name].push(...timed.milliseconds);
      return timed.median;
    },
  });
  const rounds = Math.ceil(runs / NOISE_BLOCK);
  await interleave([turn('sparse'), turn('fp32')], { rounds, restMs: restMs(threads) });
  const tail = (values: readonly number[]) => ({ median: median(values), p99: quantile(values, 0.99) });
  return { sparse: tail(times.sparse), fp32: tail(times.fp32) };
}

async function withClients<T>(
  sides: Sides,
  work: (sparse: EngineClient, fp32: EngineClient) => Promise<T>,
): Promise<T> {
  const sparse = await EngineClient.open(sides.sparse);
  try {
    const fp32 = await EngineClient.open(sides.fp32);
    try {
      return await work(sparse, fp32);
    } finally {
      await fp32.stop();
    }
  } finally {
    await sparse.stop();
  }
}
