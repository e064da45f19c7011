import type { Verdict } from '../scenarios/scenario.js';

/** Kept only when it was measured: NaN and quotients of nothing break every promise. */
export function atMost(promise: string, value: number, limit: number, unit = ''): Verdict {
  return {
    promise,
    kept: Number.isFinite(value) && value <= limit,
    measured: `${withUnit(value, unit)}, at most ${withUnit(limit, unit)}`,
  };
}

export function atLeast(promise: string, value: number, limit: number, unit = ''): Verdict {
  return {
    promise,
    kept: Number.isFinite(value) && value >= limit,
    measured: `${withUnit(value, unit)}, at least ${withUnit(limit, unit)}`,
  };
}

export function holds(promise: string, kept: boolean, measured: string): Verdict {
  return { promise, kept, measured };
}

function withUnit(value: number, unit: string): string {
  return Number.isFinite(value) ? `${format(value)}${unit}` : format(value);
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
