// A line chart in braille characters: each character is a field of 2 by 4 dots.

export interface ChartOptions {
  /** Characters, the axis included. */
  readonly width: number;
  /** Lines, without the line below the axis. */
  readonly height: number;
  /** Value at the bottom. */
  readonly min: number;
  /** Value at the top. */
  readonly max: number;
  /** How a value is written at the axis. */
  readonly format: (value: number) => string;
}

const DOTS_WIDE = 2;
const DOTS_HIGH = 4;
const BLANK = 0x2800;
/** Bit of each dot of a braille character, by row and column. */
const DOT_BITS = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
] as const;

/**
 * Draws values from left to right over the whole width, as a joined line, with labels at the left for top, middle and
 * bottom. Values beyond the range are drawn at its edge; NaN leaves a gap.
 *
 * @returns `height` lines.
 */
export function lineChart(values: readonly number[], options: ChartOptions): string[] {
  const labels = axisLabels(options);
  const labelWidth = Math.max(...labels.map((label) => label.length));
  const columns = Math.max(1, options.width - labelWidth - 2);
  const cells = plot(values, columns, options);
  return cells.map((row, line) => {
    const label = (labels[line] ?? '').padStart(labelWidth);
    const axis = labels[line] === '' ? '│' : '┤';
    return `${label} ${axis}${row.map((bits) => (bits === 0 ? ' ' : String.fromCharCode(BLANK + bits))).join('')}`.trimEnd();
  });
}

function axisLabels({ height, min, max, format }: ChartOptions): string[] {
  const labels = Array.from({ length: height }, () => '');
  labels[0] = format(max);
  labels[height - 1] = format(min);
  if (height % 2 === 1 && height >= 5) labels[(height - 1) / 2] = format((min + max) / 2);
  return labels;
}

/** Bits of each character, [height][columns]. */
function plot(values: readonly number[], columns: number, { height, min, max }: ChartOptions): number[][] {
  const cells = Array.from({ length: height }, () => new Array<number>(columns).fill(0));
  const width = columns * DOTS_WIDE;
  const top = height * DOTS_HIGH - 1;
  let previous: number | undefined;
  for (let x = 0; x < width; x++) {
    const value = valueAt(values, width, x);
    if (Number.isNaN(value)) {
      previous = undefined;
      continue;
    }
    const share = Math.min(1, Math.max(0, (value - min) / (max - min)));
    const y = Math.round((1 - share) * top);
    // The line is joined: from next to the previous point, up or down, to this one.
    const from = previous === undefined || previous === y ? y : previous + Math.sign(y - previous);
    for (let dot = Math.min(from, y); dot <= Math.max(from, y); dot++) setDot(cells, x, dot);
    previous = y;
  }
  return cells;
}

/** The value at dot column x of `width`: linear between the two values around it; the first at the left, the last at the right. */
function valueAt(values: readonly number[], width: number, x: number): number {
  if (values.length < 2) return values.length === 1 && x === 0 ? (values[0] as number) : Number.NaN;
  const position = (x / (width - 1)) * (values.length - 1);
  const left = Math.floor(position);
  const before = values[left] as number;
  const after = values[Math.min(left + 1, values.length - 1)] as number;
  return position === left ? before : before + (after - before) * (position - left);
}

function setDot(cells: number[][], x: number, y: number): void {
  const row = cells[Math.floor(y / DOTS_HIGH)];
  const column = Math.floor(x / DOTS_WIDE);
  const bit = DOT_BITS[y % DOTS_HIGH]?.[x % DOTS_WIDE];
  if (row !== undefined && bit !== undefined) row[column] = (row[column] ?? 0) | bit;
}
