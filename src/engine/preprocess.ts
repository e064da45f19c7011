import type { ImageSettings } from './backbone.js';

/** Turns RGB bytes into the network's input. */
export interface Normaliser {
  /**
   * `(value / scale - mean) / std` of every pixel.
   *
   * @param pixels RGB bytes [count, height, width, 3]
   * @param into receives [count, 3, height, width] in the settings' channel order
   * @param count images
   */
  normalise(pixels: Uint8Array, into: Float32Array, count: number): void;
}

/** A byte has 256 values, so each channel's formula is a table; that keeps a worker's cost per image far below the network's. */
export function createNormaliser(image: ImageSettings): Normaliser {
  const tables = image.mean.map((mean, channel) =>
    Float32Array.from({ length: 256 }, (_, value) => (value / image.scale - mean) / image.std[channel]!),
  );
  const [table0, table1, table2] = tables as [Float32Array, Float32Array, Float32Array];
  const [source0, source1, source2] = image.channels === 'rgb' ? [0, 1, 2] : [2, 1, 0];
  return {
    normalise(pixels, into, count) {
      const area = pixels.length / (3 * count);
      for (let n = 0; n < count; n++) {
        const plane0 = 3 * n * area;
        const plane1 = plane0 + area;
        const plane2 = plane1 + area;
        for (let i = 0, from = plane0; i < area; i++, from += 3) {
          into[plane0 + i] = table0[pixels[from + source0!]!]!;
          into[plane1 + i] = table1[pixels[from + source1!]!]!;
          into[plane2 + i] = table2[pixels[from + source2!]!]!;
        }
      }
    },
  };
}
