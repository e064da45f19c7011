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

/** What each channel of the network makes of a byte, and where it finds that byte: all that turns pixels into the input. */
export interface PixelTables {
  /** [channel of the network][256]: `(value / scale - mean) / std` for each value of a byte. */
  readonly values: readonly [Float32Array, Float32Array, Float32Array];
  /** For each channel of the network, which byte of an RGB pixel it is. */
  readonly sources: readonly [number, number, number];
}

/** For a network of square images that gets noise, not photos: bytes become 0 to 1, and that is all. */
export function settingsForNoise(size: number): ImageSettings {
  return { size, resize: size, channels: 'rgb', scale: 255, mean: [0, 0, 0], std: [1, 1, 1] };
}

/** A byte has 256 values, so each channel's formula is a table; that keeps the cost of an image far below the network's. */
export function pixelTables(image: ImageSettings): PixelTables {
  const table = (channel: 0 | 1 | 2) =>
    Float32Array.from({ length: 256 }, (_, value) => (value / image.scale - image.mean[channel]) / image.std[channel]);
  return { values: [table(0), table(1), table(2)], sources: image.channels === 'rgb' ? [0, 1, 2] : [2, 1, 0] };
}

export function createNormaliser(image: ImageSettings): Normaliser {
  const { values, sources } = pixelTables(image);
  const [table0, table1, table2] = values;
  const [source0, source1, source2] = sources;
  return {
    normalise(pixels, into, count) {
      const area = pixels.length / (3 * count);
      for (let n = 0; n < count; n++) {
        const plane0 = 3 * n * area;
        const plane1 = plane0 + area;
        const plane2 = plane1 + area;
        for (let i = 0, from = plane0; i < area; i++, from += 3) {
          into[plane0 + i] = table0[pixels[from + source0]!]!;
          into[plane1 + i] = table1[pixels[from + source1]!]!;
          into[plane2 + i] = table2[pixels[from + source2]!]!;
        }
      }
    },
  };
}
