// A process of its own: ONNX Runtime in a loop, with nothing around it. Driven by messages of the benchmark.
import { InferenceSession, Tensor } from 'onnxruntime-node';

export interface LoopSetting {
  readonly model: string;
  readonly size: number;
  readonly batch: number;
  readonly threads: number;
}

/** `run`: so many milliseconds. Answered with images and milliseconds. */
export type LoopMessage = { readonly open: LoopSetting } | { readonly run: number };

let session: InferenceSession | undefined;
let feeds: Record<string, Tensor> = {};
let outputs: string[] = [];

async function open({ model, size, batch, threads }: LoopSetting): Promise<void> {
  session = await InferenceSession.create(model, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
  });
  const [input = ''] = session.inputNames;
  outputs = session.outputNames.slice(0, 1);
  const values = Float32Array.from({ length: batch * 3 * size * size }, (_, index) => Math.sin(index));
  feeds = { [input]: new Tensor('float32', values, [batch, 3, size, size]) };
  for (let warm = 0; warm < 3; warm++) await session.run(feeds, outputs);
}

async function run(milliseconds: number): Promise<{ images: number; milliseconds: number }> {
  const batch = Object.values(feeds)[0]?.dims[0] ?? 0;
  const start = performance.now();
  let images = 0;
  while (performance.now() - start < milliseconds) {
    await session?.run(feeds, outputs);
    images += batch;
  }
  return { images, milliseconds: performance.now() - start };
}

process.on('message', (message: LoopMessage) => {
  const done = 'open' in message ? open(message.open).then(() => ({})) : run(message.run);
  done.then(
    (answer) => process.send?.(answer),
    (error: Error) => process.send?.({ error: error.message }),
  );
});
process.on('disconnect', () => process.exit(0));
