// A process of its own for one engine with one model, so that engines share neither memory nor threads. Driven by messages of engine-client.ts.
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { settingsForNoise } from '../../src/engine/preprocess.js';
import { median } from './statistics.js';

export interface EngineSetting {
  readonly engine: 'sparse' | 'onnxruntime';
  readonly model: string;
  /** Name of the output, and edge length of the input. */
  readonly output: string;
  readonly size: number;
  readonly batch: number;
  readonly threads: number;
  readonly isa: 'auto' | 'avx2';
  /** A file of floats, normalised images: the batch is the first of them. */
  readonly input: string;
}

export type EngineMessage =
  | { readonly open: EngineSetting }
  /** `warm` runs that do not count, then `runs`, with a pause before each. */
  | { readonly time: { readonly warm: number; readonly runs: number; readonly gapMs: number } }
  | { readonly output: true }
  | { readonly memory: true };

export interface Opened {
  readonly loadMs: number;
  readonly isa: string;
}
export interface Timed {
  readonly milliseconds: readonly number[];
  readonly median: number;
}
/** Bytes. */
export interface Memory {
  readonly resident: number;
  readonly peak: number;
}

interface Engine {
  readonly isa: string;
  run(): Promise<Float32Array>;
}

let engine: Engine | undefined;

async function open(setting: EngineSetting): Promise<Opened> {
  const input = firstFloats(setting.input, setting.batch * 3 * setting.size * setting.size);
  const load = setting.engine === 'sparse' ? openSparse : openOnnxRuntime;
  // Imports are not part of loading a model: a service has done them at its start.
  const start = await load(setting, input);
  const from = performance.now();
  engine = await start();
  return { loadMs: performance.now() - from, isa: engine.isa };
}

async function openSparse(setting: EngineSetting, input: Float32Array<ArrayBuffer>): Promise<() => Promise<Engine>> {
  const { loadBackbone } = await import('../../src/engine/index.js');
  const { model, output, size, batch, threads, isa } = setting;
  const image = settingsForNoise(size);
  return async () => {
    const options = { name: 'bench', model, engine: 'sparse', threads, output, image, isa } as const;
    const lines: string[] = [];
    const backbone = await loadBackbone(options, (line) => lines.push(line));
    // The service goes on with ONNX Runtime where the sparse engine can't run; a benchmark must not take one for the other.
    if (backbone.info.engine !== 'sparse') throw new Error(`the sparse engine did not load: ${lines.join('; ')}`);
    const run = async () => (await backbone.embed([{ kind: 'input', count: batch, data: input }])).embeddings;
    return { isa: backbone.info.isa, run };
  };
}

/** ONNX Runtime with nothing around it, and the options that the service gives it (src/engine/onnxruntime/session.ts). */
async function openOnnxRuntime(
  setting: EngineSetting,
  input: Float32Array<ArrayBuffer>,
): Promise<() => Promise<Engine>> {
  const { InferenceSession, Tensor } = await import('onnxruntime-node');
  const { model, output, size, batch, threads } = setting;
  return async () => {
    const session = await InferenceSession.create(model, {
      executionProviders: ['cpu'],
      intraOpNumThreads: threads,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
      extra: { session: { intra_op: { allow_spinning: '0' } } },
    });
    const feeds = { [session.inputNames[0]!]: new Tensor('float32', input, [batch, 3, size, size]) };
    const run = async () => (await session.run(feeds, [output]))[output]!.data as Float32Array;
    return { isa: 'its own', run };
  };
}

/** A view on part of a larger buffer, which engines read but do not take over. */
function firstFloats(file: string, count: number): Float32Array<ArrayBuffer> {
  const bytes = readFileSync(file);
  const floats = new Float32Array(count + 1);
  new Uint8Array(floats.buffer).set(bytes.subarray(0, 4 * count));
  return floats.subarray(0, count);
}

async function time({ warm, runs, gapMs }: { warm: number; runs: number; gapMs: number }): Promise<Timed> {
  const milliseconds: number[] = [];
  for (let index = -warm; index < runs; index++) {
    if (gapMs > 0) await delay(gapMs);
    const start = performance.now();
    await engine!.run();
    if (index >= 0) milliseconds.push(performance.now() - start);
  }
  return { milliseconds, median: median(milliseconds) };
}

function memory(): Memory {
  // What is garbage by now is given back sooner or later: not what a model needs.
  globalThis.gc?.();
  return { resident: process.memoryUsage.rss(), peak: 1024 * process.resourceUsage().maxRSS };
}

async function answer(message: EngineMessage): Promise<object> {
  if ('open' in message) return open(message.open);
  if ('time' in message) return time(message.time);
  // Copied: the engine's own buffer may be a view that can't be sent.
  if ('output' in message) return { values: Float32Array.from(await engine!.run()) };
  return memory();
}

process.on('message', (message: EngineMessage) => {
  answer(message).then(
    (result) => process.send?.(result),
    (error: Error) => process.send?.({ error: error.message }),
  );
});
process.on('disconnect', () => process.exit(0));
