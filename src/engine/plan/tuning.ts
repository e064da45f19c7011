/** The numbers that measurements on real CPUs decide. All of them only change speed. */
export interface Tuning {
  /** Vectors of input that one block of a sparse convolution may touch for a row part: what stays of the L1 cache beside weights and output. */
  readonly l1Vectors: number;
  /** As before, for 1x1 convolutions: their windows do not overlap, and what is read once need not stay. */
  readonly l1PointwiseVectors: number;
  /**
   * Columns that a 1x1 convolution of several blocks computes together, at most, when its lists of non-zeros have at most so many bytes:
   * fewer columns make room for more channels in a block, so that sums are loaded and stored less often, but lists are read more often.
   */
  readonly fewColumns: number;
  readonly fewColumnsUpToBytes: number;
  /** A block has at least as many input channels, however wide its window is. */
  readonly leastBlockChannels: number;
  /** Filters that are worth a stripe of their own, and how many stripes there are at most. */
  readonly filtersPerStripe: number;
  readonly mostStripes: number;
  /** Filters of a stripe are sorted by their non-zeros where a tile has at most so many vectors (0: never). */
  readonly sortRowsUpTo: number;
  /** Share of non-zeros below which the sparse convolution is faster than the dense one. */
  readonly sparseConvBelow: number;
  /** As before, where Winograd's filtering helps the dense one: divided by its gain. */
  readonly sparseWinogradBelow: number;
  /** Gain of Winograd's filtering from which on it is used: transforms take their part of it. */
  readonly winogradGain: number;
  /** Filters from which on the input's transform is worth it. */
  readonly winogradFilters: number;
  /** As before, for convolutions with few input channels (an RGB image): they have little to skip. */
  readonly sparseFewChannelsBelow: number;
  readonly fewChannels: number;
  /** As before, for matrix products. */
  readonly sparseLinearBelow: number;
}

export const defaultTuning: Tuning = {
  // 36 KiB, more than L1 holds: for 3x3 with seven columns 21 channels. Some misses cost less than sums that are loaded more often.
  l1Vectors: 576,
  l1PointwiseVectors: 704,
  fewColumns: 4,
  fewColumnsUpToBytes: 96 * 1024,
  leastBlockChannels: 4,
  filtersPerStripe: 16,
  mostStripes: 8,
  sortRowsUpTo: 64,
  // The dense kernel runs at about twice the FMA rate of the sparse one.
  sparseConvBelow: 0.55,
  sparseWinogradBelow: 0.8,
  winogradGain: 1.3,
  winogradFilters: 16,
  sparseFewChannelsBelow: 0.3,
  fewChannels: 4,
  sparseLinearBelow: 0.4,
};
