import { access, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DEFAULT_RETRY, ServiceCalls } from '../../../client/shared.js';
import { asFailure } from '../../client/as-failure.js';
import { Failure } from '../../client/failure.js';
import { NatsSender } from '../../client/nats-sender.js';
import { holdoutAccuracy, predictHeldOut } from '../../client/predict-held-out.js';
import { waitUntilSettled } from '../../client/settle.js';
import { newCounts, type StreamCounts, streamImages } from '../../client/stream-images.js';
import { type DividedImages, divide } from '../../data/holdout.js';
import { openLabelledImages } from '../../data/open.js';
import { shuffled } from '../../data/random.js';
import { packageFolder } from '../../package-folder.js';
import { escapeForTerminal } from '../../terminal/escape.js';
import { quantile } from '../../terminal/numbers.js';
import { wrapText } from '../../terminal/wrap.js';
import { type CommandIo, printLines } from '../command-io.js';
import { type DemoFiles, demoConfig, freshDemoFolder } from './demo-folder.js';
import { BUNDLED_MODEL, type DemoOptions, imageSettings } from './demo-options.js';
import { drawnClasses } from './draw.js';
import { drawnImages } from './drawn-images.js';
import { scrapeHeadMetrics } from './head-metrics.js';
import { AccuracyHistory } from './history.js';
import { Screen } from './screen.js';
import { freePortNear, ServerProcess } from './server-process.js';
import { type DemoPlaces, type DemoResult, nextLines, summaryLines } from './summary.js';

const FOLDER = 'data/demo';
const HEAD = 'demo';
const DRAWN_IMAGES = 1500;
const CONCURRENCY = 4;
const SCRAPE_MS = 400;
const HOLDOUT_FRACTION = 0.2;
/** Points of the accuracy chart. */
const CHART_POINTS = 150;
/** Answers that the latency on the screen is of. */
const RECENT_ANSWERS = 400;
const RATE_WINDOW_MS = 4000;

/**
 * Starts a server, streams labelled images through it, shows what it learns.
 *
 * @param signal Aborted by Ctrl-C: the server is stopped in order, at any time.
 */
export async function runDemo(options: DemoOptions, io: CommandIo, signal: AbortSignal): Promise<void> {
  const model = options.model === undefined ? join(packageFolder(), BUNDLED_MODEL) : resolve(options.model);
  await access(model).catch(() => {
    throw new Failure(`no backbone at ${model}; give the path of an ONNX file with --model`);
  });
  const images = await openImages(options);
  const files = await freshDemoFolder(FOLDER);
  const grpcPort = await freePortNear(8001);
  const httpPort = await freePortNear(8002);
  const backbone = options.model === undefined ? 'tiny' : 'own';
  const setting = { model, image: imageSettings(options), grpcPort, httpPort, backbone, head: HEAD };
  await writeFile(files.config, demoConfig(setting));
  printLines(io.out, introLines(options, images, files, grpcPort, httpPort));

  const server = new ServerProcess(files.config, files.serverLog);
  const demo = new Demo(options, images, files, grpcPort, httpPort, server, io, signal);
  try {
    printLines(io.out, summaryLines(await demo.run()));
    printLines(io.out, ['', ...nextLines(placesOf(options, files, setting))]);
    if (options.stay) await stay(server, io, signal);
  } finally {
    await server.stop();
  }
}

async function openImages({ data, images, seed }: DemoOptions): Promise<DividedImages> {
  if (data === undefined) return drawnImages(images ?? DRAWN_IMAGES, seed);
  const found = (await openLabelledImages(data)).images;
  const hasSplit = found.some(({ split }) => split === 'val' || split === 'test');
  const { fed, heldOut } = divide(
    found,
    hasSplit ? { kind: 'split' } : { kind: 'fraction', fraction: HOLDOUT_FRACTION },
  );
  return { fed: shuffled(fed, seed).slice(0, images), heldOut };
}

function introLines(
  { data, model, rate }: DemoOptions,
  { fed, heldOut }: DividedImages,
  files: DemoFiles,
  grpcPort: number,
  httpPort: number,
): string[] {
  const images =
    data === undefined
      ? `${fed.length}, drawn by this demo as it runs (they are no photos): ${drawnClasses.join(', ')}, in random colours, ` +
        'scale and rotation, with blur, noise and JPEG loss. --data DIR takes real photos.'
      : `${fed.length} of ${escapeForTerminal(data)}; ${heldOut.length} more are held out.`;
  const backbone = model === undefined ? `${BUNDLED_MODEL}, 90 % of its weights are zero` : escapeForTerminal(model);
  return [
    'Headwater demo: a server learns from labels that arrive after its answers.',
    '',
    ...wrapText('Images', images),
    ...wrapText('Backbone', `${backbone}; it stays frozen, only the head learns.`),
    ...wrapText('Server', `gRPC 127.0.0.1:${grpcPort}, HTTP 127.0.0.1:${httpPort}`),
    ...wrapText('Traffic', `predictions by gRPC, labels by NATS, ${rate} images/s`),
    ...wrapText('Files', `${files.folder} (emptied at every start)`),
    '',
  ];
}

function placesOf(
  options: DemoOptions,
  files: DemoFiles,
  { grpcPort, httpPort, backbone }: { grpcPort: number; httpPort: number; backbone: string },
): DemoPlaces {
  return {
    command: `node ${relative('.', join(packageFolder(), 'bin/headwater.js'))}`,
    grpcPort,
    httpPort,
    config: relative('.', files.config),
    natsFile: relative('.', files.natsFile),
    head: HEAD,
    backbone,
    stay: options.stay === true,
  };
}

async function stay(server: ServerProcess, io: CommandIo, signal: AbortSignal): Promise<void> {
  printLines(io.out, ['', 'The server keeps running; Ctrl-C stops it.']);
  const interrupted = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await Promise.race([interrupted, server.ended]);
  if (!signal.aborted) server.throwIfEnded();
}

class Demo {
  readonly #counts: StreamCounts = newCounts();
  readonly #latencies: number[] = [];
  readonly #history: AccuracyHistory;
  readonly #screen: Screen;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  /** Label counts of the last seconds, for the rate on the screen. */
  readonly #recent: { at: number; labelled: number }[] = [];

  constructor(
    private readonly options: DemoOptions,
    private readonly images: DividedImages,
    private readonly files: DemoFiles,
    private readonly grpcPort: number,
    private readonly httpPort: number,
    private readonly server: ServerProcess,
    private readonly io: CommandIo,
    signal: AbortSignal,
  ) {
    this.#history = new AccuracyHistory(Math.max(1, Math.round(images.fed.length / CHART_POINTS)));
    this.#screen = new Screen(io.out);
    this.#signal = AbortSignal.any([signal, this.#stop.signal]);
  }

  async run(): Promise<DemoResult> {
    await this.server.ready(this.httpPort, this.#signal);
    // A server that dies is told at once, with its log, not as one more connection that is refused.
    void this.server.ended.then(() => this.#stop.abort(new Failure('the server ended')));
    const client = new ServiceCalls(`127.0.0.1:${this.grpcPort}`);
    try {
      return await this.#measure(client);
    } catch (error) {
      if (this.#stop.signal.aborted) this.server.throwIfEnded();
      throw asFailure(error, client.server);
    } finally {
      client.close();
    }
  }

  async #measure(client: ServiceCalls): Promise<DemoResult> {
    const start = performance.now();
    await this.#whileWatching(() => this.#stream(client));
    const seconds = (performance.now() - start) / 1000;
    const head = await waitUntilSettled(client, HEAD, DEFAULT_RETRY, undefined, this.#signal);
    await this.#scrape();
    this.#draw(true);
    const { heldOut } = this.images;
    this.io.out.write(`predicting ${heldOut.length} images that were never labelled …\n\n`);
    const holdout = { head: HEAD, concurrency: CONCURRENCY, retry: DEFAULT_RETRY, signal: this.#signal };
    const tally = await predictHeldOut(heldOut, client, holdout);
    return {
      drawn: this.options.data === undefined,
      history: this.#history,
      holdout: holdoutAccuracy(tally),
      labelled: this.#counts.labelled,
      trained: head.samples,
      champion: head.champion,
      candidates: head.learners,
      seconds,
      rate: this.options.rate,
      latencies: this.#latencies,
      failed: this.#counts.failed,
    };
  }

  async #stream(client: ServiceCalls): Promise<void> {
    const labels = await NatsSender.connect(this.files.natsFile, HEAD, DEFAULT_RETRY);
    const options = {
      head: HEAD,
      mode: 'join',
      run: 'demo',
      concurrency: CONCURRENCY,
      rate: this.options.rate,
      labelDelay: 0,
      retry: DEFAULT_RETRY,
      signal: this.#signal,
    } as const;
    try {
      await streamImages(this.images.fed, client, labels, options, this.#counts, {
        onAnswer: (_, { latencyMs }) => this.#latencies.push(latencyMs),
      });
    } finally {
      await labels.close();
    }
  }

  /** Scrapes and draws until the task is done. */
  async #whileWatching(task: () => Promise<void>): Promise<void> {
    const done = new AbortController();
    const watching = (async () => {
      while (!done.signal.aborted) {
        // A scrape that fails leaves the picture as it was: what is wrong shows in the task.
        await this.#scrape().catch(() => {});
        if (!done.signal.aborted) this.#draw();
        await delay(SCRAPE_MS, undefined, { signal: done.signal }).catch(() => {});
      }
    })();
    try {
      await task();
    } finally {
      done.abort();
      await watching;
    }
  }

  async #scrape(): Promise<void> {
    this.#history.add(await scrapeHeadMetrics(this.httpPort, HEAD));
    const now = performance.now();
    this.#recent.push({ at: now, labelled: this.#counts.labelled });
    while (this.#recent.length > 2 && now - (this.#recent[0]?.at ?? now) > RATE_WINDOW_MS) this.#recent.shift();
  }

  #draw(last = false): void {
    const total = this.images.fed.length;
    const recent = this.#latencies.slice(-RECENT_ANSWERS);
    const metrics = this.#history.latest;
    this.#screen.draw(
      {
        labelled: this.#counts.labelled,
        total,
        accuracy: this.#history.values,
        chartLength: Math.floor(total / this.#history.every) + 1,
        labelsPerSecond: this.#labelsPerSecond(),
        p50: quantile(recent, 0.5),
        p99: quantile(recent, 0.99),
        version: metrics?.version ?? 0,
        classes: metrics?.classes ?? 0,
        champion: metrics?.champion ?? '',
      },
      last,
    );
  }

  #labelsPerSecond(): number {
    const [first, last] = [this.#recent[0], this.#recent.at(-1)];
    if (first === undefined || last === undefined || last.at === first.at) return 0;
    return (1000 * (last.labelled - first.labelled)) / (last.at - first.at);
  }
}
