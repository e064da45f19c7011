// `npm run bench:transfer`: section 3.6 of Iofinova et al. 2022 on this service. How long it takes to embed and learn a stream of
// labelled images on a sparse backbone, as a fraction of the time on the dense one in ONNX Runtime.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Child } from './measure/child.js';
import type { Round } from './measure/interleave.js';
import { interleave, timeRatio } from './measure/interleave.js';
import type { Spread } from './measure/statistics.js';
import { spread } from './measure/statistics.js';
import { denseResNet50, sparseResNet50 } from './networks/catalogue.js';
import { buildModel } from './onnx/write-model.js';
import { commandLine } from './report/command-line.js';
import { describeMachine } from './report/machine.js';
import { writeSections } from './report/page.js';
import { transferSections } from './report/transfer-tables.js';
import type { TransferResult, TransferRow } from './transfer/results.js';
import { transferData } from './transfer/stream.js';
import type { TransferMessage, TransferSetting } from './transfer/transfer-process.js';

const USAGE = `usage: npm run bench:transfer -- [--images 128] [--batch 64] [--threads N] [--pairs 5] [--quick] [--write] [--json]
  --images   photos of the stream, embedded and learned in each turn
  --threads  of both engines; default: all cores
  --quick    one batch, 2 rounds: to see that it works, not to quote
  --write    put the table into docs/performance.md
  --json     one JSON object as the last line of stdout; the rest goes to stderr`;

/** Sparsity, target, and the best method of the paper's table 5. */
const BACKBONES = [
  { sparsity: 80, target: 0.36, paper: 0.44 },
  { sparsity: 90, target: 0.22, paper: 0.28 },
  { sparsity: 95, target: 0.16, paper: 0.22 },
];
const DENSE = 'dense';
const IMAGE = {
  size: 224,
  resize: 256,
  channels: 'rgb',
  scale: 255,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
} as const;

interface Options {
  readonly images: number;
  readonly batch: number;
  readonly threads: number;
  readonly pairs: number;
  readonly write: boolean;
  readonly json: boolean;
}

interface Opened {
  readonly dimensions: number;
  readonly classes: number;
}
interface Timed {
  readonly milliseconds: number;
  readonly learned: number;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      images: { type: 'string' },
      batch: { type: 'string', default: '64' },
      threads: { type: 'string', default: String(availableParallelism()) },
      pairs: { type: 'string' },
      quick: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  if (values.write && values.quick) throw new Error(`--write: not with --quick\n${USAGE}`);
  const batch = positive('batch', values.batch);
  return {
    batch,
    images: positive('images', values.images ?? String(values.quick ? batch : 2 * batch)),
    threads: positive('threads', values.threads),
    pairs: positive('pairs', values.pairs ?? (values.quick ? '2' : '5')),
    write: values.write,
    json: values.json,
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name}: expected a whole number from 1\n${USAGE}`);
  return value;
}

/** One backbone with its head, in a process of its own. */
class Learner {
  readonly #child = new Child<TransferMessage>(new URL('./transfer/transfer-process.js', import.meta.url));

  constructor(
    readonly name: string,
    private readonly images: number,
  ) {}

  open(setting: TransferSetting): Promise<Opened> {
    return this.#child.ask<Opened>({ open: setting });
  }

  /** @returns milliseconds an image. @throws Error when not every sample was learned. */
  async run(what: 'pixels' | 'jpeg' | 'learning'): Promise<number> {
    const { milliseconds, learned } = await this.#child.ask<Timed>({ run: what });
    if (learned !== this.images) throw new Error(`${this.name}: ${learned} of ${this.images} samples were learned`);
    return milliseconds / this.images;
  }

  stop(): Promise<void> {
    return this.#child.stop();
  }
}

async function bench(options: Options, folder: string): Promise<TransferResult> {
  const { images, batch, threads, pairs } = options;
  const { source, ...data } = await transferData(images);
  const dataFile = join(folder, 'photos.json');
  writeFileSync(dataFile, JSON.stringify(data));
  const learners: Learner[] = [];
  const refusals = new Map<number, string>();
  const start = async (name: string, engine: TransferSetting['engine'], model: Uint8Array) => {
    const file = join(folder, `${name}.onnx`);
    writeFileSync(file, model);
    const learner = new Learner(name, images);
    learners.push(learner);
    return learner.open({ engine, model: file, threads, image: IMAGE, batch, data: dataFile });
  };
  try {
    const { dimensions, classes } = await start(DENSE, 'onnxruntime', buildModel(denseResNet50()));
    for (const { sparsity } of BACKBONES) {
      await start(String(sparsity), 'sparse', buildModel(sparseResNet50(sparsity / 100))).catch(
        async (error: Error) => {
          refusals.set(sparsity, error.message);
          await learners.pop()?.stop();
        },
      );
    }
    const pixels = await rounds(learners, 'pixels', pairs);
    const jpeg = await rounds(learners, 'jpeg', pairs);
    const learning = await rounds(learners.slice(0, 1), 'learning', pairs);
    return {
      machine: describeMachine(),
      command: commandLine('bench:transfer'),
      ...{ source, images, batch, threads, pairs, dimensions, classes },
      dense: { pixels: timesOf(pixels, DENSE)!, jpeg: timesOf(jpeg, DENSE)! },
      learning: timesOf(learning, DENSE)!,
      rows: BACKBONES.map((row) => rowOf(row, pixels, jpeg, refusals.get(row.sparsity))),
    };
  } finally {
    for (const learner of learners) await learner.stop();
  }
}

async function rounds(
  learners: readonly Learner[],
  what: 'pixels' | 'jpeg' | 'learning',
  pairs: number,
): Promise<Round[]> {
  console.error(`from ${what}`);
  const turns = learners.map((learner) => ({ name: learner.name, turn: () => learner.run(what) }));
  // The first round warms up: heads, caches and the engines' arenas for this batch.
  const measured = await interleave(turns, { rounds: pairs + 1, restMs: 25 });
  return measured.slice(1);
}

function rowOf(
  row: (typeof BACKBONES)[number],
  pixels: readonly Round[],
  jpeg: readonly Round[],
  refusal: string | undefined,
): TransferRow {
  const name = String(row.sparsity);
  return {
    ...row,
    refusal,
    pixels: timeRatio(pixels, name, DENSE),
    jpeg: timeRatio(jpeg, name, DENSE),
    milliseconds: timesOf(pixels, name),
  };
}

function timesOf(measured: readonly Round[], name: string): Spread | undefined {
  const times = measured.flatMap((round) => round[name] ?? []);
  return times.length === 0 ? undefined : spread(times);
}

const folder = mkdtempSync(join(tmpdir(), 'headwater-transfer-'));
try {
  const options = readOptions();
  const result = await bench(options, folder);
  const sections = transferSections(result);
  for (const { markdown } of sections) (options.json ? console.error : console.log)(`\n${markdown}`);
  if (options.write) writeSections(sections);
  if (options.json) console.log(JSON.stringify(result));
} catch (error) {
  console.error(`bench:transfer: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
