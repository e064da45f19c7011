// Values that look like nothing, the same for the same seed: for trials and benchmarks.

/** Normalised values from -2 to 2, as any network takes them. */
export function noise(length: number, seed: number): Float32Array<ArrayBuffer> {
  const next = generator(seed);
  return Float32Array.from({ length }, () => next() / 2 ** 30 - 2);
}

/** Bytes of all values. */
export function noisePixels(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const next = generator(seed);
  return Uint8Array.from({ length }, () => next() >>> 24);
}

/** Whole numbers of 32 bits (Numerical Recipes' linear congruential generator: the high bits are good enough). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state;
  };
}
