import type { RatioSummary, TimedPair } from './timed-pairs.js';
import { summariseRatios } from './timed-pairs.js';

/** The sparse engine has to be so much faster, by the median pair. */
export const leastRatio = 1.05;
/** Fewer pairs say nothing on a machine with neighbours. */
export const fewestPairs = 9;
/** Largest |difference| between the embeddings of both engines, relative to the largest |value|: above it, ONNX Runtime is taken. */
export const mostDisagreement = 1e-4;
/** Above it, something is told: no network that we know comes near. */
export const usualDisagreement = 1e-5;

/** What a trial of both engines on the same images gave. */
export type TrialOutcome =
  | { readonly kind: 'timed'; readonly disagreement: number; readonly pairs: readonly TimedPair[] }
  | { readonly kind: 'failed'; readonly engine: 'sparse' | 'onnxruntime'; readonly reason: string };

export interface EngineChoice {
  readonly engine: 'sparse' | 'onnxruntime';
  /** One line for the log. */
  readonly reason: string;
  /** Something is wrong that the operator should look at. */
  readonly warn: boolean;
  /** ONNX Runtime's time over the sparse engine's, pair by pair; undefined when nothing was timed. */
  readonly ratio: RatioSummary | undefined;
}

/** Decides between the engines. Pure: the trial's outcome goes in, the choice and its reason come out. */
export function chooseEngine(outcome: TrialOutcome): EngineChoice {
  if (outcome.kind === 'failed') {
    const failed = outcome.engine === 'sparse' ? 'the sparse engine' : 'ONNX Runtime';
    const engine = outcome.engine === 'sparse' ? 'onnxruntime' : 'sparse';
    return { engine, reason: `${failed} failed in the trial (${outcome.reason})`, warn: true, ratio: undefined };
  }
  const { disagreement, pairs } = outcome;
  // Not `>`: a difference that is no number disagrees, too.
  if (!(disagreement <= mostDisagreement)) {
    const reason = describeDisagreement(disagreement, `${mostDisagreement.toExponential(0)} is allowed`);
    return { engine: 'onnxruntime', reason, warn: true, ratio: undefined };
  }
  if (pairs.length < fewestPairs) throw new RangeError(`${pairs.length} pairs; at least ${fewestPairs} are needed`);
  const ratio = summariseRatios(pairs);
  const engine = ratio.median >= leastRatio ? 'sparse' : 'onnxruntime';
  const times = describeTimes(ratio, pairs);
  if (disagreement <= usualDisagreement) return { engine, reason: times, warn: false, ratio };
  const much = describeDisagreement(disagreement, `${usualDisagreement.toExponential(0)} is usual`);
  return { engine, reason: `${times}; ${much}`, warn: true, ratio };
}

function describeDisagreement(disagreement: number, bound: string): string {
  return `the engines disagree by ${disagreement.toExponential(1)} of the largest value (${bound}); please report this model`;
}

function describeTimes({ median, min, max, medianMs }: RatioSummary, pairs: readonly TimedPair[]): string {
  return (
    `the sparse engine took ${medianMs.sparse.toFixed(2)} ms an image, ONNX Runtime ${medianMs.onnxruntime.toFixed(2)} ms; ` +
    `ratio ${median.toFixed(2)} (${min.toFixed(2)} to ${max.toFixed(2)}, ${pairs.length} interleaved pairs, sparse from ${leastRatio})`
  );
}
