import type { ModelSpec, WeightSpec } from '../onnx/model-spec.js';
import type { Architecture, Layer } from './architecture.js';
import { weightCount } from './architecture.js';
import type { Densities } from './density.js';
import { Random } from './random.js';

/**
 * The network with random weights: normal, He's scale for the weights that are there, so activations neither fade nor grow with the
 * density; exactly round(density * count) of each layer's weights, at random positions, are not zero.
 */
export function withRandomWeights(architecture: Architecture, densities: Densities, seed: number): ModelSpec {
  const random = new Random(seed);
  const weights: Record<string, WeightSpec> = {};
  for (const layer of architecture.layers) {
    const { name, outputs, inputs, kernel, kind } = layer;
    const dims = kind === 'linear' ? [outputs, inputs] : [outputs, inputs, ...kernel];
    weights[`${name}_w`] = { dims, values: randomWeights(layer, densities.get(name) ?? 1, random) };
    const bias = Float32Array.from({ length: outputs }, () => (kind === 'linear' ? 0 : 0.05 * random.normal()));
    weights[`${name}_b`] = { dims: [outputs], values: bias };
  }
  const { size, nodes } = architecture;
  return {
    inputs: [{ name: 'x', shape: ['N', 3, size, size] }],
    outputs: [{ name: 'y', shape: ['N', 1000] }],
    nodes: [...nodes],
    weights,
  };
}

function randomWeights(layer: Layer, density: number, random: Random): Float32Array {
  const count = weightCount(layer);
  const values = new Float32Array(count);
  const scale = layer.gain * Math.sqrt((2 * layer.outputs) / (count * density));
  let wanted = Math.round(density * count);
  // Selection sampling (Knuth, algorithm S): each set of `wanted` positions is equally likely.
  for (let position = 0; wanted > 0; position++) {
    if (random.uniform() * (count - position) >= wanted) continue;
    // A weight that is drawn as zero would be one zero more.
    values[position] = scale * (random.normal() || 1);
    wanted--;
  }
  return values;
}
