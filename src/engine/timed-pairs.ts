// Times two engines against each other. What disturbs the machine for a while disturbs both runs of a pair, so ratios are taken pair by pair.
import { median } from './statistics.js';

/** Milliseconds of the same work, one right after the other. */
export interface TimedPair {
  readonly sparse: number;
  readonly onnxruntime: number;
}

export interface RatioSummary {
  /** ONNX Runtime's time over the sparse engine's: above 1, the sparse engine is faster. */
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly medianMs: TimedPair;
}

export function summariseRatios(pairs: readonly TimedPair[]): RatioSummary {
  const ratios = pairs.map(({ sparse, onnxruntime }) => onnxruntime / sparse);
  return {
    median: median(ratios),
    min: Math.min(...ratios),
    max: Math.max(...ratios),
    medianMs: {
      sparse: median(pairs.map(({ sparse }) => sparse)),
      onnxruntime: median(pairs.map(({ onnxruntime }) => onnxruntime)),
    },
  };
}

/** Runs once. @returns milliseconds */
export type TimedRun = () => Promise<number>;

export interface PairOptions {
  readonly fewest: number;
  readonly most: number;
  /** After the fewest pairs, no other one starts when so many milliseconds are over. */
  readonly budgetMs: number;
  /** Milliseconds. */
  readonly now?: () => number;
}

/** Runs in pairs, each engine being the first of every other one. Odd numbers of pairs: the median is one of them. */
export async function timePairs(sparse: TimedRun, onnxruntime: TimedRun, options: PairOptions): Promise<TimedPair[]> {
  const { fewest, most, budgetMs, now = () => performance.now() } = options;
  const pairs: TimedPair[] = [];
  const start = now();
  const enough = () =>
    pairs.length >= most || (pairs.length >= fewest && pairs.length % 2 === 1 && now() - start >= budgetMs);
  while (!enough()) pairs.push(await timePair(sparse, onnxruntime, pairs.length % 2 === 0));
  return pairs;
}

async function timePair(sparse: TimedRun, onnxruntime: TimedRun, sparseFirst: boolean): Promise<TimedPair> {
  if (sparseFirst) {
    const first = await sparse();
    return { sparse: first, onnxruntime: await onnxruntime() };
  }
  const first = await onnxruntime();
  return { sparse: await sparse(), onnxruntime: first };
}
