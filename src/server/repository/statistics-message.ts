import type { ModelStatistics } from '../../../protos/index.js';
import type { CountedDuration, ModelCounts } from './model-counts.js';

const NONE: CountedDuration = { count: 0, ns: 0 };

/** A model's counts as ModelStatistics tells them. @param version the one being served */
export function statisticsMessage(name: string, version: string, counts: ModelCounts): ModelStatistics {
  const { success, failure, cancel, queue, input, infer, output } = counts;
  const fail = { count: failure.count + cancel.count, ns: failure.ns + cancel.ns };
  const answers = { computeInfer: infer, computeOutput: output, success, fail: failure, emptyResponse: NONE, cancel };
  return {
    name,
    version,
    lastInference: counts.lastAtMs,
    inferenceCount: counts.images,
    executionCount: counts.executions,
    inferenceStats: {
      ...{ success, fail, queue, computeInput: input, computeInfer: infer, computeOutput: output },
      ...{ cacheHit: NONE, cacheMiss: NONE },
    },
    batchStats: counts.batches().map(({ size, infer: batchInfer }) => ({
      batchSize: size,
      // Images are decoded and answers written request by request, not batch by batch.
      computeInput: NONE,
      computeInfer: batchInfer,
      computeOutput: NONE,
    })),
    responseStats: { '0': answers },
  };
}
