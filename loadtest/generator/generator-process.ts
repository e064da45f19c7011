// A process of its own that makes load. Driven by messages of the load test: each is answered with one, `progress` comes between.
import { runClosedLoop } from './closed-loop.js';
import { type Share, type Target, TrafficRun } from './open-loop.js';
import { loadPhotos } from './payloads.js';
import type { ClosedLoop, Traffic, TrafficCount } from './traffic.js';

export type GeneratorMessage =
  | { readonly open: Omit<Target, 'jpegs'> }
  /** Connects; then `run`, once all processes are ready. */
  | { readonly prepare: readonly Traffic[] }
  | { readonly run: Share }
  | { readonly closed: ClosedLoop };

export interface GeneratorProgress {
  readonly offered: number;
  readonly ok: number;
  readonly refused: number;
  readonly failed: number;
  /** Milliseconds; the largest of the traffics'. */
  readonly p99: number;
}

const PROGRESS_MS = 1000;
let target: Target = { server: '', size: 0, jpegs: [] };
let prepared: readonly TrafficRun[] = [];

async function open(opened: Omit<Target, 'jpegs'>): Promise<{ photos: string }> {
  const { jpegs, source } = await loadPhotos();
  target = { ...opened, jpegs };
  return { photos: source };
}

async function prepare(traffics: readonly Traffic[]): Promise<object> {
  prepared = await Promise.all(traffics.map((traffic) => TrafficRun.prepare(traffic, target)));
  return {};
}

async function run(share: Share): Promise<{ counts: TrafficCount[] }> {
  const runs = prepared;
  const timer = setInterval(() => process.send?.({ progress: progressOf(runs) }), PROGRESS_MS);
  try {
    return { counts: await Promise.all(runs.map((one) => one.run(share))) };
  } finally {
    clearInterval(timer);
    for (const one of runs) one.close();
  }
}

function progressOf(runs: readonly TrafficRun[]): GeneratorProgress {
  const all = runs.map(({ recorder }) => recorder.progress());
  const sum = (key: 'offered' | 'ok' | 'refused' | 'failed') => all.reduce((total, one) => total + one[key], 0);
  const p99 = Math.max(0, ...all.map((one) => one.p99).filter(Number.isFinite));
  return { offered: sum('offered'), ok: sum('ok'), refused: sum('refused'), failed: sum('failed'), p99 };
}

function answer(message: GeneratorMessage): Promise<object> {
  if ('open' in message) return open(message.open);
  if ('prepare' in message) return prepare(message.prepare);
  if ('run' in message) return run(message.run);
  return runClosedLoop(message.closed, target);
}

process.on('message', (message: GeneratorMessage) => {
  answer(message).then(
    (answered) => process.send?.(answered),
    (error: Error) => process.send?.({ error: error.message }),
  );
});
process.on('disconnect', () => process.exit(0));
