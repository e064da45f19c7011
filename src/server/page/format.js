// Numbers and times for people.

/** @param {number | null | undefined} value 0 to 1 */
export function percent(value, digits = 1) {
  return value === null || value === undefined || Number.isNaN(value) ? '–' : `${(value * 100).toFixed(digits)} %`;
}

/** @param {number | null | undefined} value three digits at least, as many as it has before the point */
export function number(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  if (Math.abs(value) >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString('en-US');
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** @param {number} value 4100000 as `4.1 M` */
export function short(value) {
  for (const [factor, unit] of /** @type {const} */ ([
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ])) {
    if (value >= factor) return `${(value / factor).toFixed(1)} ${unit}`;
  }
  return String(value);
}

/** @param {number} ms */
export function duration(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}

/** @param {number} ms Unix time */
export function clock(ms) {
  return new Date(ms).toLocaleTimeString('en-GB');
}
