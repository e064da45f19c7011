/** Rounds before sorting is the better way: values in an unlucky order (or one that somebody chose) must not take long. */
const MOST_ROUNDS = 40;

/**
 * The value that would be at `index` if the values were sorted (Hoare's quickselect): a tenth of a sort's time.
 * @param values Reordered. None may be NaN.
 * @param index From 0, below their number.
 */
export function selectInPlace(values: Float64Array, index: number): number {
  let first = 0;
  let last = values.length - 1;
  for (let round = 0; first < last; round++) {
    if (round === MOST_ROUNDS) return values.subarray(first, last + 1).sort()[index - first]!;
    const pivot = values[(first + last) >>> 1]!;
    let left = first;
    let right = last;
    while (left <= right) {
      while (values[left]! < pivot) left++;
      while (values[right]! > pivot) right--;
      if (left > right) break;
      const swapped = values[left]!;
      values[left] = values[right]!;
      values[right] = swapped;
      left++;
      right--;
    }
    // All up to `right` are at most the pivot, all from `left` on at least; between them are pivots.
    if (index <= right) last = right;
    else if (index >= left) first = left;
    else return pivot;
  }
  return values[index]!;
}
