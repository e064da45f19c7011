/** Embeddings from a seed: class c scatters around a centre of its own, on dimensions of very different sizes. */
export interface Blobs {
  embedding(classIndex: number): Float32Array;
  randomClass(count?: number): number;
  /** From -0.5 to 0.5 */
  uniform(): number;
}

/** @param spread How far the samples of a class scatter; the centres scatter by 1. */
export function blobs(dimensions: number, classes: number, seed = 1, spread = 0.5): Blobs {
  let state = seed >>> 0;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  const centres = Array.from({ length: classes * dimensions }, uniform);
  return {
    uniform,
    embedding: (c) =>
      Float32Array.from({ length: dimensions }, (_, d) => {
        const size = 1 + (d % 7) * 20;
        return size * (5 + centres[c * dimensions + d]! + spread * (uniform() + uniform()));
      }),
    randomClass: (count = classes) => Math.min(count - 1, Math.floor((uniform() + 0.5) * count)),
  };
}
