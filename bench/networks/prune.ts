import type { ModelSpec, WeightSpec } from '../onnx/model-spec.js';

/**
 * Sets the smallest weights (by magnitude, layer by layer) of all 1x1 convolutions to zero until `density` of them are left. Other
 * layers are as they were. The accuracy that is left does not matter here, the places of the zeros do: they are a real network's.
 */
export function prunePointwise(spec: ModelSpec, density: number): ModelSpec {
  const pointwise = new Set(
    spec.nodes
      .filter(({ op }) => op === 'Conv')
      .flatMap(({ inputs }) => (isPointwise(spec, inputs[1]) ? inputs[1]! : [])),
  );
  const weights = Object.entries(spec.weights ?? {}).map(([name, weight]): [string, WeightSpec] => [
    name,
    pointwise.has(name) ? { dims: weight.dims, values: keepLargest(weight.values, density) } : weight,
  ]);
  return { ...spec, weights: Object.fromEntries(weights) };
}

function isPointwise(spec: ModelSpec, weight: string | undefined): boolean {
  const dims = spec.weights?.[weight ?? '']?.dims ?? [];
  return dims[2] === 1 && dims[3] === 1;
}

/** Exactly round(density * length) values stay; of equal ones the first. */
export function keepLargest(values: ArrayLike<number>, density: number): Float32Array {
  const order = Uint32Array.from({ length: values.length }, (_, index) => index);
  order.sort((left, right) => Math.abs(values[right]!) - Math.abs(values[left]!) || left - right);
  const kept = new Float32Array(values.length);
  for (const index of order.subarray(0, Math.round(density * values.length))) kept[index] = values[index]!;
  return kept;
}
