// A process of its own that makes load. Driven by messages of the load test: each is answered with one, `progress` comes between.
import { runClosedLoop } from './closed-loop.js';
import { runTraffic, type Share, type Target } from './open-loop.js';
import { loadPhotos } from './payloads.js';
import type { TrafficRecorder } from './recorder.js';
import type { ClosedCount, ClosedLoop, Traffic, TrafficCount } from './traffic.js';

export type GeneratorMessage =
  | { readonly open: Omit<Target, 'jpegs'> }
  | { readonly run: readonly Traffic[]; readonly share: Share }
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

async function open(opened: Omit<Target, 'jpegs'>): Promise<{ photos: string }> {
  const { jpegs, source } = await loadPhotos();
  target = { ...opened, jpegs };
  return { photos: source };
}

async function run(traffics: readonly Traffic[], share: Share): Promise<{ counts: TrafficCount[] }> {
  const recorders: TrafficRecorder[] = [];
  const timer = setInterval(() => process.send?.({ progress: progressOf(recorders) }), PROGRESS_MS);
  try {
    const counts = await Promise.all(
      traffics.map((traffic) => runTraffic(traffic, target, share, (recorder) => recorders.push(recorder))),
    );
    return { counts };
  } finally {
    clearInterval(timer);
  }
}

function progressOf(recorders: readonly TrafficRecorder[]): GeneratorProgress {
  const all = recorders.map((recorder) => recorder.progress());
  const sum = (key: 'offered' | 'ok' | 'refused' | 'failed') => all.reduce((total, one) => total + one[key], 0);
  const p99 = Math.max(0, ...all.map((one) => one.p99).filter(Number.isFinite));
  return { offered: sum('offered'), ok: sum('ok'), refused: sum('refused'), failed: sum('failed'), p99 };
}

process.on('message', (message: GeneratorMessage) => {
  const done: Promise<object> =
    'open' in message
      ? open(message.open)
      : 'run' in message
        ? run(message.run, message.share)
        : runClosedLoop(message.closed, target).then((count): ClosedCount => count);
  done.then(
    (answer) => process.send?.(answer),
    (error: Error) => process.send?.({ error: error.message }),
  );
});
process.on('disconnect', () => process.exit(0));
