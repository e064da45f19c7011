import type { Layer } from './architecture.js';
import { weightCount } from './architecture.js';

/** Fraction of non-zero weights of each layer, by its name. */
export type Densities = ReadonlyMap<string, number>;

/** `density` in every convolution but the first and the depthwise ones; the rest is dense. */
export function uniform(layers: readonly Layer[], density: number): Densities {
  return new Map(layers.map(({ name, kind }) => [name, kind === 'conv' ? density : 1]));
}

/**
 * Erdős–Rényi-Kernel (Evci et al. 2020, "Rigging the Lottery", section 3): a layer's density is in proportion to
 * (inputs + outputs + height + width) / (inputs * outputs * height * width), at most 1, and `density` over all layers that take
 * part. As in their code for ResNet-50, the first convolution is dense and not counted, and the last, linear layer takes part.
 */
export function erdosRenyiKernel(layers: readonly Layer[], density: number): Densities {
  const parts = layers.filter(({ kind }) => kind !== 'first' && kind !== 'depthwise');
  const wanted = density * parts.reduce((sum, layer) => sum + weightCount(layer), 0);
  const dense = new Set<Layer>();
  for (;;) {
    const open = parts.filter((layer) => !dense.has(layer));
    const left = wanted - [...dense].reduce((sum, layer) => sum + weightCount(layer), 0);
    // The formula's numerator is the layer's expected count of weights, but for the common factor.
    const factor = left / open.reduce((sum, layer) => sum + sides(layer), 0);
    const full = open.filter((layer) => factor * sides(layer) > weightCount(layer));
    for (const layer of full) dense.add(layer);
    if (full.length > 0) continue;
    const densityOf = (layer: Layer) =>
      parts.includes(layer) && !dense.has(layer) ? (factor * sides(layer)) / weightCount(layer) : 1;
    return new Map(layers.map((layer) => [layer.name, densityOf(layer)]));
  }
}

function sides({ inputs, outputs, kernel, kind }: Layer): number {
  return inputs + outputs + (kind === 'linear' ? 0 : kernel[0] + kernel[1]);
}
