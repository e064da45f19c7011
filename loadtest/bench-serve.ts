// `npm run bench:serve`: what the service costs around ONNX Runtime, and how free its event loop stays at full load.
//
// The server answers `pixels` requests of one image each, from client processes that keep many in flight, through a head
// (so that answers are recorded, as in real use). The bare loop runs the same model in a process of its own: same batch size,
// same threads, one fixed input. They take turns (A B A B ...), so a ratio compares neighbours in time.
// Unfair to the server: it also normalises pixels, and shares the machine with its clients.
import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import type { LoopMessage } from './bare-loop.js';
import { quantile } from './checks/ideal-queue.js';
import { HelperProcess } from './helper-process.js';
import { type BenchModel, findModel } from './models.js';
import { median, type Round, summariseRatios } from './ratios.js';
import { Generators } from './run/generators.js';
import { HEAD, HeadwaterServer } from './servers/headwater-server.js';
import { teachHead } from './teach.js';

const USAGE = `usage: npm run bench:serve -- [--model mobilenet|tiny] [--batch 16] [--threads N] [--rounds 5] [--seconds 8]
         [--clients 2] [--in-flight N] [--direct] [--json]
  --threads    of ONNX Runtime, on both sides; default: all cores but one, which gRPC and the clients share
  --in-flight  requests in flight, over all clients; default: four batches
  --direct     ask the backbone for embeddings instead of asking a head for labels`;

const WARM_MS = 2_000;
const TARGET = 0.85;

interface Options {
  readonly model: BenchModel;
  readonly batch: number;
  readonly threads: number;
  readonly rounds: number;
  readonly milliseconds: number;
  readonly clients: number;
  readonly inFlight: number;
  readonly direct: boolean;
  readonly json: boolean;
}

interface ServerRound {
  readonly imagesPerSecond: number;
  readonly meanBatch: number;
  readonly eventLoopP99: number;
  readonly p50: number;
  readonly p99: number;
  readonly errors: number;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      model: { type: 'string' },
      batch: { type: 'string', default: '16' },
      threads: { type: 'string', default: String(Math.max(1, availableParallelism() - 1)) },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '8' },
      clients: { type: 'string', default: '2' },
      'in-flight': { type: 'string' },
      direct: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  const batch = positive('batch', values.batch);
  return {
    model: findModel(values.model),
    batch,
    threads: positive('threads', values.threads),
    rounds: positive('rounds', values.rounds),
    milliseconds: 1000 * positive('seconds', values.seconds),
    clients: positive('clients', values.clients),
    inFlight: values['in-flight'] === undefined ? 4 * batch : positive('in-flight', values['in-flight']),
    direct: values.direct,
    json: values.json,
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name}: expected a whole number from 1\n${USAGE}`);
  return value;
}

async function bench(options: Options, log: (line: string) => void): Promise<void> {
  const { model, batch, threads, rounds } = options;
  log(
    `${model.name}, batch ${batch}, ${threads} of ${availableParallelism()} cores for ONNX Runtime (${cpus()[0]?.model})`,
  );
  const server = await HeadwaterServer.start({ model, batch, threads });
  const loop = new HelperProcess<LoopMessage>('./bare-loop.js');
  let clients: Generators | undefined;
  try {
    await teachHead(server.address, HEAD);
    await loop.ask({ open: { model: model.path, size: model.image.size, batch, threads } });
    clients = await Generators.open(server.address, model.image.size, undefined, options.clients);
    const idle = await idleDelay(server, options.milliseconds);

    const measured: (Round & ServerRound)[] = [];
    log('round   server img/s   bare loop img/s   ratio   batch   p50 ms   p99 ms   event loop p99 ms');
    for (let round = 0; round < rounds; round++) {
      const served = await serverRound(server, clients, options);
      const bare = await loopRound(loop, options.milliseconds);
      measured.push({ ...served, server: served.imagesPerSecond, loop: bare });
      log(roundLine(round + 1, served, bare));
    }
    report(options, measured, idle, log);
  } finally {
    loop.stop();
    clients?.stop();
    await server.stop();
  }
}

/** Seconds: p99 of the event loop's delay since the last call. (prom-client starts its histogram anew at each scrape.) */
async function eventLoopP99(server: HeadwaterServer): Promise<number> {
  return (await server.metrics()).sum('nodejs_eventloop_lag_p99_seconds');
}

/** p99 of the event loop's delay with nothing to do: the timer's own grain of 10 ms is part of every number. */
async function idleDelay(server: HeadwaterServer, milliseconds: number): Promise<number> {
  await eventLoopP99(server);
  await new Promise((resolve) => setTimeout(resolve, Math.min(milliseconds, 4000)));
  return eventLoopP99(server);
}

async function serverRound(server: HeadwaterServer, clients: Generators, options: Options): Promise<ServerRound> {
  const { milliseconds, inFlight, direct, model } = options;
  const counting = clients.closed({
    traffic: { input: 'pixels', images: 1, models: [direct ? model.name : HEAD] },
    inFlight,
    warmMs: WARM_MS,
    milliseconds,
  });
  await new Promise((resolve) => setTimeout(resolve, WARM_MS));
  // Its span of the event loop's delay begins here.
  const before = await server.metrics();
  await new Promise((resolve) => setTimeout(resolve, milliseconds - 500));
  const after = await server.metrics();
  const { answers, latencies, errors, lastError } = await counting;
  if (answers.length === 0 && lastError !== '') throw new Error(`the server answers nothing but errors: ${lastError}`);
  const grown = (name: string) => after.sum(name) - before.sum(name);
  return {
    imagesPerSecond: (1000 * answers.length) / milliseconds,
    meanBatch: grown('headwater_batch_size_sum') / grown('headwater_batch_size_count'),
    eventLoopP99: after.sum('nodejs_eventloop_lag_p99_seconds'),
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    errors,
  };
}

async function loopRound(loop: HelperProcess<LoopMessage>, milliseconds: number): Promise<number> {
  const { images, milliseconds: taken } = await loop.ask<{ images: number; milliseconds: number }>({
    run: milliseconds,
  });
  return (1000 * images) / taken;
}

function roundLine(round: number, served: ServerRound, bare: number): string {
  const cells = [
    String(round).padStart(5),
    served.imagesPerSecond.toFixed(1).padStart(14),
    bare.toFixed(1).padStart(17),
    (served.imagesPerSecond / bare).toFixed(3).padStart(7),
    served.meanBatch.toFixed(1).padStart(7),
    served.p50.toFixed(0).padStart(8),
    served.p99.toFixed(0).padStart(8),
    (1000 * served.eventLoopP99).toFixed(1).padStart(19),
  ];
  return cells.join(' ') + (served.errors > 0 ? `  ${served.errors} errors` : '');
}

function report(options: Options, rounds: readonly (Round & ServerRound)[], idle: number, log: (line: string) => void) {
  const ratio = summariseRatios(rounds);
  const eventLoop = median(rounds.map(({ eventLoopP99 }) => eventLoopP99));
  log('');
  log(
    `server / bare loop: median ${ratio.median.toFixed(3)}, ${ratio.min.toFixed(3)} to ${ratio.max.toFixed(3)} ` +
      `(target ${TARGET}: ${ratio.median >= TARGET ? 'reached' : 'not reached'})`,
  );
  log(
    `event loop delay, p99: median ${(1000 * eventLoop).toFixed(1)} ms at full load, ${(1000 * idle).toFixed(1)} ms idle`,
  );
  if (!options.json) return;
  const { model, batch, threads, clients, inFlight, direct } = options;
  console.log(
    JSON.stringify({
      model: model.name,
      batch,
      threads,
      cores: availableParallelism(),
      clients,
      inFlight,
      through: direct ? 'backbone' : 'head',
      rounds,
      ratio: { median: ratio.median, min: ratio.min, max: ratio.max },
      eventLoopP99Seconds: { load: eventLoop, idle },
    }),
  );
}

try {
  const options = readOptions();
  await bench(options, options.json ? console.error : console.log);
} catch (error) {
  console.error(`bench:serve: ${(error as Error).message}`);
  process.exitCode = 1;
}
