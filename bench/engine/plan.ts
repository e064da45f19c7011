/** How long and with what the benchmark measures. */
export interface MeasurePlan {
  /** Rounds of each comparison. */
  readonly pairs: number;
  /** Runs of each engine under a noisy neighbour. */
  readonly noiseRuns: number;
  /** Fresh processes for memory and load time. */
  readonly processes: number;
  /** What runs as "ours": `onnxruntime` shows how far from 1 this benchmark's ratios are by chance. */
  readonly ours: 'sparse' | 'onnxruntime';
  readonly log: (line: string) => void;
}

/** Batch size and threads of the table's two columns. */
export const settings = [
  { batch: 1, threads: 1 },
  { batch: 16, threads: 2 },
] as const;

/** With several threads, the pool of the engine before needs a moment to park. */
export function restMs(threads: number): number {
  return threads > 1 ? 25 : 5;
}
