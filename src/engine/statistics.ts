/** The middle value, or the mean of the two in the middle; NaN when there is none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * max |difference| / max |reference|: how far one computation of the same values is from another. 0 for equal values, also where all are 0;
 * NaN where a value is none or the lengths differ, so compare with `!(difference <= bound)`.
 */
export function relativeDifference(values: ArrayLike<number>, reference: ArrayLike<number>): number {
  if (values.length !== reference.length) return Number.NaN;
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    // Math.max gives NaN once one of its arguments is.
    difference = Math.max(difference, Math.abs(values[i]! - reference[i]!));
    largest = Math.max(largest, Math.abs(reference[i]!));
  }
  return difference === 0 ? 0 : difference / largest;
}
