const BINS = 15;

/**
 * Expected calibration error (Guo et al. 2017, section 2): predictions fall into 15 bins of equal width by their confidence; the error is the mean
 * over all of |accuracy - mean confidence| of their bin. 0 to 1; 0 when there are none.
 * @param confidences Probabilities of the predicted classes. @param correct 1 where the prediction was right, else 0.
 */
export function calibrationError(confidences: ArrayLike<number>, correct: ArrayLike<number>): number {
  if (confidences.length === 0) return 0;
  // Of each bin: (right predictions) - (sum of confidences), which is all that its share needs.
  const gaps = new Float64Array(BINS);
  for (let i = 0; i < confidences.length; i++) {
    const bin = Math.min(BINS - 1, Math.floor(confidences[i]! * BINS));
    gaps[bin]! += correct[i]! - confidences[i]!;
  }
  return gaps.reduce((sum, gap) => sum + Math.abs(gap), 0) / confidences.length;
}
