import { parentPort, workerData } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';

export interface WorkerSetting {
  readonly model: string;
  /** 0: as ONNX Runtime likes. */
  readonly threads: number;
  readonly image: {
    readonly size: number;
    readonly scale: number;
    readonly mean: readonly number[];
    readonly std: readonly number[];
  };
}

export interface Job {
  readonly id: number;
  /** RGB [size, size, 3] */
  readonly pixels: Uint8Array;
}

export type Answer =
  | { readonly id: number; readonly best: number; readonly error?: undefined }
  | { readonly id: number; readonly error: string };

const { model, threads, image } = workerData as WorkerSetting;
const session = await InferenceSession.create(model, threads === 0 ? {} : { intraOpNumThreads: threads });
const [input = ''] = session.inputNames;
// The last of several outputs is the classifier's in the models here.
const output = session.outputNames.at(-1) ?? '';

function normalise(pixels: Uint8Array): Float32Array {
  const { size, scale, mean, std } = image;
  const area = size * size;
  const values = new Float32Array(3 * area);
  for (let at = 0; at < area; at++) {
    for (let channel = 0; channel < 3; channel++) {
      values[channel * area + at] = (pixels[3 * at + channel]! / scale - mean[channel]!) / std[channel]!;
    }
  }
  return values;
}

async function best(pixels: Uint8Array): Promise<number> {
  const tensor = new Tensor('float32', normalise(pixels), [1, 3, image.size, image.size]);
  const scores = (await session.run({ [input]: tensor }))[output]?.data as Float32Array;
  return scores.reduce((found, score, index) => (score > scores[found]! ? index : found), 0);
}

parentPort?.on('message', ({ id, pixels }: Job) => {
  best(pixels).then(
    (found) => parentPort?.postMessage({ id, best: found } satisfies Answer),
    (error: Error) => parentPort?.postMessage({ id, error: error.message } satisfies Answer),
  );
});
parentPort?.postMessage('ready');
