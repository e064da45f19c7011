/** 0.8312 as `83.1 %`; `-` where there is no number. */
export function percent(value: number | null | undefined): string {
  return value === null || value === undefined || Number.isNaN(value) ? '-' : `${(100 * value).toFixed(1)} %`;
}

/** Milliseconds with as many digits as make sense: `0.42 ms`, `7.3 ms`, `128 ms`. */
export function milliseconds(value: number): string {
  if (Number.isNaN(value)) return '-';
  return `${value < 1 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : Math.round(value)} ms`;
}

/**
 * The p-quantile of numbers in any order, by the nearest rank; NaN when there are none.
 *
 * @param p 0 to 1.
 */
export function quantile(values: readonly number[], p: number): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)] as number;
}

/** Milliseconds of Unix time as `2026-01-31 12:00:00` (UTC). */
export function dateTime(unixMs: number): string {
  return new Date(unixMs).toISOString().slice(0, 19).replace('T', ' ');
}

/** Bytes with a unit: `812 B`, `4.2 MB`, `180 MB`. */
export function byteSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 99.5 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}
