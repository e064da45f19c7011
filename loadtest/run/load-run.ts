// One scenario, start to end: servers, capacity, phases in turn, the state at rest.
import { setTimeout as delay } from 'node:timers/promises';
import { format } from '../checks/verdict.js';
import { LatencyHistogram } from '../generator/histogram.js';
import { sumOutcomes } from '../generator/merge.js';
import { secondsOf } from '../generator/schedule.js';
import type { TrafficCount } from '../generator/traffic.js';
import { HelperProcess } from '../helper-process.js';
import type { SlowCount, SlowMessage } from '../hostile/slow-clients-process.js';
import type { Given, LoadResult, Phase, PhaseResult, Scenario } from '../scenarios/scenario.js';
import { BaselineServer, defaultThreads } from '../servers/baseline-server.js';
import { HEAD, HeadwaterServer } from '../servers/headwater-server.js';
import type { ServerUnderTest } from '../servers/server-under-test.js';
import { dimensionsOf, teachHead } from '../teach.js';
import { closedRate } from './closed-rate.js';
import type { Progress, RunSettings } from './context.js';
import { Generators } from './generators.js';
import { type Sample, sampleOf } from './results.js';
import { Sampler } from './sampler.js';

const SCRAPE_MS = 1000;
const WARM_MS = 3000;
const CAPACITY_MS = 8000;
/** How long the server may take to close what clients have left. */
const REST_MS = 20_000;
/** Phases may rest in a trial less, too. */
const LEAST_CAPACITY_MS = 1500;

interface Side {
  readonly server: ServerUnderTest;
  readonly generators: Generators;
  readonly heads: readonly string[];
  /** Of the heads' embeddings. */
  readonly dimensions: number;
}

/** @throws Error when a server or a generator can't be started or ends */
export async function runScenario(scenario: Scenario, settings: RunSettings, progress: Progress): Promise<LoadResult> {
  const heads = headNames(scenario.heads ?? 1);
  progress.line(`${scenario.name}: ${settings.model.name}, ${settings.engine}, starting`);
  const headwater = await startHeadwater(scenario, settings, heads);
  const sides: Side[] = [];
  try {
    const { model, pinning } = settings;
    const dimensions = await dimensionsOf(headwater.address, heads[0] ?? '');
    const open = async (server: ServerUnderTest) => {
      const generators = await Generators.open(server.address, model.image.size, pinning.load);
      sides.push({ server, heads, dimensions, generators });
    };
    await teachAll(headwater.address, heads);
    await open(headwater);
    if (settings.compare) await open(await BaselineServer.start(model, defaultThreads(pinning), pinning.server));
    const measured = await new LoadRun(scenario, settings, sides, progress).run();
    for (const { generators } of sides) generators.stop();
    const after = await atRest(headwater, measured.rest.before);
    const exit = await headwater.stop();
    return { ...measured, rest: { before: measured.rest.before, after }, exit };
  } finally {
    for (const { generators } of sides) generators.stop();
    for (const { server } of sides) await server.stop();
    if (sides.length === 0) await headwater.stop();
  }
}

/** Enough for a version; a hundred classes for a hundred heads would take a while. */
const FEW_CLASSES = 4;
const TAUGHT_AT_ONCE = 20;

async function teachAll(server: string, heads: readonly string[]): Promise<void> {
  const classes = heads.length > 1 ? FEW_CLASSES : undefined;
  for (let first = 0; first < heads.length; first += TAUGHT_AT_ONCE) {
    const some = heads.slice(first, first + TAUGHT_AT_ONCE);
    await Promise.all(some.map((head) => teachHead(server, head, classes)));
  }
}

function headNames(count: number): string[] {
  return count === 1 ? [HEAD] : Array.from({ length: count }, (_, index) => `${HEAD}-${index}`);
}

function startHeadwater(scenario: Scenario, settings: RunSettings, heads: readonly string[]): Promise<HeadwaterServer> {
  const { model, engine, batch, threads, pinning } = settings;
  return HeadwaterServer.start({
    ...{ model, engine, batch, threads, heads, core: pinning.server },
    ...(scenario.learners === undefined ? {} : { learners: scenario.learners }),
    ...(scenario.settings === undefined ? {} : { settings: scenario.settings }),
  });
}

class LoadRun {
  private readonly began = performance.now();

  constructor(
    private readonly scenario: Scenario,
    private readonly settings: RunSettings,
    private readonly sides: readonly Side[],
    private readonly progress: Progress,
  ) {}

  async run(): Promise<Pick<LoadResult, 'given' | 'capacities' | 'phases'> & { rest: { before: Sample } }> {
    const { batch, input, seed, scale, minutes } = this.settings;
    const [headwater] = this.sides;
    // Before anybody has sent anything but a label: what is open now is the server's own.
    const before = await sampleNow(headwater!.server);
    const capacities: Record<string, number> = {};
    for (const side of this.sides) capacities[side.server.name] = await this.capacity(side);
    // Compared, both get what the slower one can do: a server that drowns has no latency to compare.
    const capacity = this.settings.capacity ?? Math.min(...Object.values(capacities));
    const given: Given = { capacity, batch, input, seed, scale, minutes, heads: headwater!.heads };
    const phases: PhaseResult[] = [];
    for (let round = 0; round < this.scenario.rounds; round++) {
      for (const phase of this.scenario.plan({ ...given, seed: given.seed + 1000 * round })) {
        for (const side of this.sides) phases.push(await this.phase(phase, round, side));
      }
    }
    return { given, capacities, phases, rest: { before } };
  }

  /** The closed loop with four batches in flight: the engine always has a full one waiting. */
  private async capacity({ server, generators, heads }: Side): Promise<number> {
    const { batch, input, capacity, scale } = this.settings;
    if (capacity !== undefined) return capacity;
    this.progress.now(`${this.scenario.name}: capacity of ${server.name}`);
    const rate = await closedRate(generators, server.name, {
      traffic: { input, images: 1, models: heads },
      inFlight: 4 * batch,
      warmMs: WARM_MS * Math.max(0.3, scale),
      milliseconds: Math.max(LEAST_CAPACITY_MS, CAPACITY_MS * scale),
    });
    this.progress.line(`${this.scenario.name}: ${server.name} does ${rate.toFixed(1)} images a second`);
    return rate;
  }

  private async phase(phase: Phase, round: number, side: Side): Promise<PhaseResult> {
    const { server, generators } = side;
    const { scale, pinning } = this.settings;
    const slow =
      phase.beside === undefined
        ? undefined
        : new HelperProcess<SlowMessage>('./hostile/slow-clients-process.js', { core: pinning.load });
    const sampler = await Sampler.start(server, this.began, this.scenario.scrapeEveryMs ?? SCRAPE_MS);
    const label = `${this.scenario.name} · ${phase.name}${this.sides.length > 1 ? ` · ${server.name}` : ''}`;
    const shown = setInterval(() => this.progress.now(`${label}  ${progressText(generators)}`), 1000);
    try {
      if (slow !== undefined && phase.beside !== undefined) {
        const { dimensions } = side;
        const [head = ''] = side.heads;
        await slow.ask({ begin: { ...phase.beside, server: server.address, head, dimensions } });
      }
      const { counts, began } = await generators.run(phase.traffic);
      const start = (began - this.began) / 1000;
      const change = await sampler?.stop();
      const ended = await slow?.ask<SlowCount>({ end: true });
      if (ended !== undefined)
        this.progress.line(`${label}: ${ended.opened} bad calls, ${ended.refused} ended by the server`);
      this.progress.line(`${label}: ${countsText(counts)}`);
      await delay((phase.settleMs ?? 0) * Math.max(0.3, scale));
      const seconds = Math.max(...phase.traffic.map(({ steps }) => secondsOf(steps)));
      const samples = sampler?.samples ?? [];
      return { name: phase.name, round, target: server.name, start, seconds, counts, samples, server: change };
    } finally {
      clearInterval(shown);
      slow?.stop();
    }
  }
}

function progressText(generators: Generators): string {
  const { offered, ok, refused, failed, p99 } = generators.progress();
  return `sent ${offered}, answered ${ok}, refused ${refused}, failed ${failed}, p99 ${p99.toFixed(1)} ms`;
}

function countsText(counts: readonly TrafficCount[]): string {
  const { ok, refused, expired, failed } = sumOutcomes(counts.map(({ outcomes }) => outcomes));
  const latency = LatencyHistogram.merge(counts.map((count) => count.latency));
  const times = `p50 ${format(latency.quantile(0.5))} ms, p99 ${format(latency.quantile(0.99))} ms`;
  return `answered ${ok}, refused ${refused}, expired ${expired}, failed ${failed}, ${times}`;
}

async function sampleNow(server: ServerUnderTest): Promise<Sample> {
  const before = await server.metrics();
  if (before === undefined) throw new Error(`${server.name} tells nothing of itself`);
  return sampleOf(0, before, before);
}

/** Waits until the server has as few handles as before, nothing queued and nothing buffered; the last look at it otherwise. */
async function atRest(server: HeadwaterServer, before: Sample): Promise<Sample> {
  for (const start = performance.now(); ; await delay(500)) {
    const now = await sampleNow(server);
    const rests = now.handles <= before.handles && now.queueDepth === 0 && now.buffered <= before.buffered;
    if (rests || performance.now() - start > REST_MS) return now;
  }
}
