/** One round: images a second of the server, and of the bare loop right before or after it. */
export interface Round {
  readonly server: number;
  readonly loop: number;
}

export interface RatioSummary {
  /** server / loop of each round. */
  readonly ratios: readonly number[];
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Compares round by round: what disturbs the machine for a while disturbs both sides of a round. */
export function summariseRatios(rounds: readonly Round[]): RatioSummary {
  const ratios = rounds.map(({ server, loop }) => server / loop);
  return { ratios, median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) };
}

/** The middle value, or the mean of the two in the middle; NaN when there is none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  if (sorted.length % 2 === 1) return sorted[middle] as number;
  return ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}
