import assert from 'node:assert/strict';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import type { Tensor } from '../interpret-graph.js';

/**
 * What ONNX Runtime computes from a model's first output (or `output`) for a batch of images.
 *
 * @param model bytes, or the path of a file whose weights may lie in others beside it
 */
export async function runOnnxRuntime(model: Uint8Array | string, image: Tensor, output?: string): Promise<Tensor> {
  const options = { intraOpNumThreads: 1, graphOptimizationLevel: 'basic', logSeverityLevel: 3 } as const;
  const session = await (typeof model === 'string'
    ? InferenceSession.create(model, options)
    : InferenceSession.create(model, options));
  try {
    const name = output ?? session.outputNames[0]!;
    const feeds = { [session.inputNames[0]!]: new OrtTensor('float32', image.data, image.dims) };
    const result = (await session.run(feeds, [name]))[name]!;
    return { dims: result.dims, data: result.data as Float32Array };
  } finally {
    await session.release();
  }
}

/** Asserts that the values differ, come from the image and are numbers: a dead network would agree with anything. */
export function assertAlive({ data }: Tensor, what: string): void {
  assert.ok(data.every(Number.isFinite), `${what}: not all values are finite`);
  const others = new Set(data);
  assert.ok(others.size > Math.min(8, data.length / 4), `${what}: only ${others.size} different values`);
}
