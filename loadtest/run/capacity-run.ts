// The capacities that the targets compare: the service, the engine alone, decoding and the engine alone, the baseline; in turn, round by
// round, so that a ratio is of neighbours in time.
import type { BareCount, BareMessage, BareSetting } from '../bare-engine-messages.js';
import { loadPhotos } from '../generator/payloads.js';
import type { Input } from '../generator/traffic.js';
import { HelperProcess } from '../helper-process.js';
import { BaselineServer, defaultThreads } from '../servers/baseline-server.js';
import { HEAD, HeadwaterServer } from '../servers/headwater-server.js';
import type { ServerUnderTest } from '../servers/server-under-test.js';
import { teachHead } from '../teach.js';
import { closedRate } from './closed-rate.js';
import type { Progress, RunSettings } from './context.js';
import { Generators } from './generators.js';

/** `single`: the baseline with as many threads as the service's engine. */
export type Who = 'headwater' | 'bare' | 'baseline' | 'single';

/** What is measured in each round, in this order or the reverse. */
const TURNS = [
  'headwater-pixels',
  'bare-pixels',
  'baseline-pixels',
  'single-pixels',
  'headwater-image',
  'bare-image',
  'baseline-image',
] as const;

/** Images a second. */
export type CapacityRound = Readonly<Record<(typeof TURNS)[number], number>>;

export interface CapacityResult {
  readonly model: string;
  readonly engine: string;
  readonly batch: number;
  readonly threads: number;
  readonly rounds: readonly CapacityRound[];
}

const ROUNDS = 5;
const WARM_MS = 1500;
const MILLISECONDS = 5000;
const LEAST_MS = 1000;

/** @throws Error when a process can't be started or ends */
export async function measureCapacities(settings: RunSettings, progress: Progress): Promise<CapacityResult> {
  const { model, engine, batch, threads, pinning, scale } = settings;
  progress.line(`capacity: ${model.name}, ${engine}: starting the service, the engine alone and the baseline`);
  const stops: (() => unknown)[] = [];
  try {
    const headwater = await HeadwaterServer.start({ model, engine, batch, threads, core: pinning.server });
    stops.push(() => headwater.stop());
    await teachHead(headwater.address, HEAD);
    const baseline = await BaselineServer.start(model, defaultThreads(pinning), pinning.server);
    stops.push(() => baseline.stop());
    const single = await BaselineServer.start(model, threads, pinning.server);
    stops.push(() => single.stop());
    const bare = new HelperProcess<BareMessage>('./bare-engine/bare-engine-process.js', { core: pinning.server });
    stops.push(() => bare.stop());
    const { jpegs } = await loadPhotos();
    const setting: BareSetting = { model: model.path, engine, batch, threads, image: model.image, jpegs };
    await bare.ask({ open: setting });
    const ask = async (server: ServerUnderTest) => {
      const generators = await Generators.open(server.address, model.image.size, pinning.load);
      stops.push(() => generators.stop());
      return (input: Input) => serverRate(generators, server.name, input, settings);
    };
    const turns: Record<Who, (input: Input) => Promise<number>> = {
      headwater: await ask(headwater),
      bare: (input) => bareRate(bare, input, scale),
      baseline: await ask(baseline),
      single: await ask(single),
    };
    const rounds: CapacityRound[] = [];
    for (let round = 0; round < Math.max(1, Math.round(ROUNDS * Math.min(1, scale * 2))); round++) {
      rounds.push(await measureRound(turns, round));
      progress.line(roundText(round, rounds.at(-1)!));
    }
    return { model: model.name, engine, batch, threads, rounds };
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

/** Every second round in reverse order. */
async function measureRound(
  turns: Record<Who, (input: Input) => Promise<number>>,
  round: number,
): Promise<CapacityRound> {
  const rates: Partial<Record<keyof CapacityRound, number>> = {};
  for (const turn of round % 2 === 1 ? TURNS.toReversed() : TURNS) {
    const [who, input] = turn.split('-') as [Who, Input];
    rates[turn] = await turns[who](input);
  }
  return rates as CapacityRound;
}

function serverRate(generators: Generators, name: string, input: Input, settings: RunSettings): Promise<number> {
  return closedRate(generators, name, {
    traffic: { input, images: 1, models: [HEAD] },
    inFlight: 4 * settings.batch,
    warmMs: WARM_MS * Math.max(0.3, settings.scale),
    milliseconds: Math.max(LEAST_MS, MILLISECONDS * settings.scale),
  });
}

async function bareRate(bare: HelperProcess<BareMessage>, input: Input, scale: number): Promise<number> {
  const run = Math.max(LEAST_MS, MILLISECONDS * scale);
  const { images, milliseconds } = await bare.ask<BareCount>({ run, input });
  return (1000 * images) / milliseconds;
}

function roundText(round: number, rates: CapacityRound): string {
  const texts = TURNS.map((turn) => `${turn.replace('-', ', ')} ${rates[turn].toFixed(1)}`);
  return `capacity, round ${round + 1} (images a second): ${texts.join('; ')}`;
}
