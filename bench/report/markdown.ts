import type { Spread } from '../measure/statistics.js';

/** A table in Markdown. @throws Error for a row that has not as many cells as the head */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  for (const row of rows) {
    if (row.length !== head.length) throw new Error(`${row.length} cells under ${head.length}: ${row.join(' | ')}`);
  }
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

/** `4.02x (3.90 to 4.11)`. */
export function times(ratio: Spread | undefined): string {
  if (ratio === undefined) return '-';
  return `${ratio.median.toFixed(2)}x (${ratio.min.toFixed(2)} to ${ratio.max.toFixed(2)})`;
}

/** Milliseconds: `9.44 (9.31 to 10.2)`. */
export function milliseconds(time: Spread | undefined): string {
  if (time === undefined) return '-';
  return `${digits(time.median)} (${digits(time.min)} to ${digits(time.max)})`;
}

/** Three digits that count. */
export function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

export function atLeast(value: number | undefined, target: number | undefined): string {
  if (target === undefined) return '';
  return value !== undefined && value >= target ? 'met' : 'not met';
}

export function atMost(value: number | undefined, target: number): string {
  return value !== undefined && value <= target ? 'met' : 'not met';
}
