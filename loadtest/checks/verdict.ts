import type { Verdict } from '../scenarios/scenario.js';

/** Kept only when it was measured: NaN breaks every promise. */
export function atMost(promise: string, value: number, limit: number, unit = ''): Verdict {
  return { promise, kept: value <= limit, measured: `${format(value)}${unit}, at most ${format(limit)}${unit}` };
}

export function atLeast(promise: string, value: number, limit: number, unit = ''): Verdict {
  return { promise, kept: value >= limit, measured: `${format(value)}${unit}, at least ${format(limit)}${unit}` };
}

export function holds(promise: string, kept: boolean, measured: string): Verdict {
  return { promise, kept, measured };
}

export function format(value: number): string {
  if (!Number.isFinite(value)) return 'not measured';
  const size = Math.abs(value);
  return size >= 1000 || Number.isInteger(value)
    ? value.toFixed(0)
    : size >= 100
      ? value.toFixed(1)
      : value.toPrecision(3);
}
