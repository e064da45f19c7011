import type { LinearClassifier } from '../../learners/learner.js';

const FP32_MAX = 3.4028234663852886e38;

/**
 * The sum of factor * classifier, summed in FP64 in the order given: what a weighted sum of logits looks like to serving.
 * @param parts At least one, all with as many classes and dimensions.
 */
export function sumOfClassifiers(
  parts: readonly { readonly factor: number; readonly classifier: LinearClassifier }[],
): LinearClassifier {
  const sum = (which: 'weights' | 'bias') => {
    const out = new Float32Array(parts[0]!.classifier[which].length);
    for (let i = 0; i < out.length; i++) {
      let value = 0;
      for (const { factor, classifier } of parts) value += factor * classifier[which][i]!;
      // A number that is too large for FP32 would become infinite, and a logit no number.
      out[i] = Math.max(-FP32_MAX, Math.min(FP32_MAX, value));
    }
    return out;
  };
  return { weights: sum('weights'), bias: sum('bias') };
}
