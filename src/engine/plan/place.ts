// Where things lie that are not all alive at once: pure, in any unit of memory and time.

/** Memory that is needed from one time to another, both included. */
export interface Alive {
  /** A multiple of the alignment that all shall have. */
  readonly bytes: number;
  readonly from: number;
  readonly to: number;
}

/**
 * Gives each an offset, so that none overlaps another that is alive at the same time: the largest first, each as low as it can lie. Looks at
 * every pair: the numbers lie in typed arrays, so that this stays quick for the largest graph.
 */
export function placeBySize<T extends Alive>(lifetimes: readonly T[]): (T & { readonly offset: number })[] {
  const from = Int32Array.from(lifetimes, (lifetime) => lifetime.from);
  const to = Int32Array.from(lifetimes, (lifetime) => lifetime.to);
  const bytes = Float64Array.from(lifetimes, (lifetime) => lifetime.bytes);
  const offsets = new Float64Array(lifetimes.length);
  const bySize = Array.from(lifetimes, (_, tensor) => tensor).sort((a, b) => bytes[b]! - bytes[a]! || a - b);
  const placed = new Int32Array(lifetimes.length);
  for (const [count, tensor] of bySize.entries()) {
    let offset = 0;
    // `placed` is in the order of offsets: the first gap that is wide enough is the lowest.
    for (let at = 0; at < count; at++) {
      const other = placed[at]!;
      if (from[other]! > to[tensor]! || from[tensor]! > to[other]!) continue;
      if (offset + bytes[tensor]! <= offsets[other]!) break;
      offset = Math.max(offset, offsets[other]! + bytes[other]!);
    }
    offsets[tensor] = offset;
    let position = count;
    while (position > 0 && offsets[placed[position - 1]!]! > offset) position--;
    placed.copyWithin(position + 1, position, count);
    placed[position] = tensor;
  }
  return lifetimes.map((lifetime, tensor) => ({ ...lifetime, offset: offsets[tensor]! }));
}

/** The most that is alive at once: no placement needs less. */
export function mostAlive(lifetimes: readonly Alive[]): number {
  const changes = lifetimes.flatMap(({ from, to, bytes }) => [
    { time: from, bytes },
    { time: to + 1, bytes: -bytes },
  ]);
  // What ends goes before what begins at the same time.
  changes.sort((left, right) => left.time - right.time || left.bytes - right.bytes);
  let alive = 0;
  let most = 0;
  for (const { bytes } of changes) {
    alive += bytes;
    most = Math.max(most, alive);
  }
  return most;
}
