import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { ModelSpec } from '../onnx/model-spec.js';
import { buildModel } from '../onnx/write-model.js';

/** Smallest and largest value of each activation, by tensor name. */
export type Ranges = ReadonlyMap<string, readonly [number, number]>;

/**
 * Runs the network on some images in ONNX Runtime with every activation as an output.
 *
 * @param images normalised values, each [3, size, size] of the network's input
 */
export async function measureRanges(spec: ModelSpec, images: readonly Float32Array[]): Promise<Ranges> {
  const outputs = spec.nodes.flatMap((node) => node.outputs.map((name) => ({ name })));
  // Optimised graphs lack what was fused away.
  const session = await InferenceSession.create(buildModel({ ...spec, outputs }), {
    graphOptimizationLevel: 'disabled',
  });
  const input = spec.inputs[0]!;
  const ranges = new Map<string, readonly [number, number]>();
  for (const image of images) {
    ranges.set(input.name, widen(ranges.get(input.name), image));
    const dims = [1, ...input.shape.slice(1).map(Number)];
    const results = await session.run({ [input.name]: new Tensor('float32', image, dims) });
    for (const [name, { data }] of Object.entries(results)) {
      ranges.set(name, widen(ranges.get(name), data as Float32Array));
    }
  }
  await session.release();
  return ranges;
}

function widen(range: readonly [number, number] | undefined, values: Float32Array): readonly [number, number] {
  let [low, high] = range ?? [0, 0];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}
