// Line charts as SVG inside of a page: their colours are the page's, so they follow its light and dark.
import { escaped } from './escape.js';

export interface Line {
  readonly name: string;
  /** [x, y]; a y that is not finite is a gap. */
  readonly points: readonly (readonly [number, number])[];
}

export interface Chart {
  readonly title: string;
  readonly unit: string;
  readonly xTitle: string;
  readonly lines: readonly Line[];
  /** Of the x axis; default: what the points take. */
  readonly xRange?: readonly [number, number];
  /** Where something else begins, and what. */
  readonly marks?: readonly { readonly x: number; readonly name: string }[];
  /** Texts of the x axis; default: the numbers. */
  readonly xText?: (x: number) => string;
}

const WIDTH = 620;
const HEIGHT = 250;
const [LEFT, RIGHT, TOP, BOTTOM] = [58, 608, 44, 206];
const COLOURS = 6;

/** A chart with a legend. One without any number says so. */
export function chartSvg(chart: Chart): string {
  const finite = chart.lines.flatMap(({ points }) =>
    points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y)),
  );
  if (finite.length === 0)
    return `<figure><figcaption>${escaped(chart.title)}</figcaption><p>not measured</p></figure>`;
  const xs = finite.map(([x]) => x);
  const [firstX, end] = chart.xRange ?? [smallest(xs), largest(xs)];
  const lastX = Math.max(end, firstX + 1e-9);
  const yTicks = ticks(Math.max(0, largest(finite.map(([, y]) => y))), 5);
  const xAt = (x: number) => LEFT + ((x - firstX) / (lastX - firstX)) * (RIGHT - LEFT);
  const yAt = (y: number) => BOTTOM - (y / yTicks.at(-1)!) * (BOTTOM - TOP);
  const xText = chart.xText ?? ((x: number) => String(x));
  const xTicks = ticks(lastX - firstX, 8)
    .map((tick) => tick + firstX)
    .filter((x) => x <= lastX);
  return [
    `<figure><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(chart.title)}">`,
    `<text class="title" x="${LEFT}" y="16">${escaped(chart.title)} (${escaped(chart.unit)})</text>`,
    ...yTicks.map(
      (y) =>
        `<path class="grid" d="M${LEFT} ${round(yAt(y))}H${RIGHT}"/><text x="${LEFT - 6}" y="${round(yAt(y) + 4)}" text-anchor="end">${y}</text>`,
    ),
    ...xTicks.map(
      (x) =>
        `<text x="${round(xAt(x))}" y="${BOTTOM + 16}" text-anchor="middle">${escaped(xText(Number(x.toPrecision(6))))}</text>`,
    ),
    ...(chart.marks ?? []).map(({ x, name }, index) => mark(xAt(Math.max(firstX, x)), name, index)),
    `<text x="${RIGHT}" y="${BOTTOM + 34}" text-anchor="end">${escaped(chart.xTitle)}</text>`,
    ...chart.lines.map(({ points }, index) => `<path class="line c${index % COLOURS}" d="${path(points, xAt, yAt)}"/>`),
    ...chart.lines.map(({ name }, index) => legend(name, index, chart.lines.length)),
    '</svg></figure>',
  ].join('\n');
}

/** Round numbers from 0, about `count` of them; the last is not below `high`. */
export function ticks(high: number, count: number): number[] {
  if (!(high > 0)) return [0, 1];
  const power = 10 ** Math.floor(Math.log10(high / count));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= (high / count) * 0.999)!;
  return Array.from({ length: Math.ceil(high / step - 1e-9) + 1 }, (_, index) =>
    Number((index * step).toPrecision(12)),
  );
}

function mark(x: number, name: string, index: number): string {
  return `<path class="mark" d="M${round(x)} ${TOP}V${BOTTOM}"/><text class="small" x="${round(x + 3)}" y="${TOP + 9 + 11 * (index % 3)}">${escaped(name)}</text>`;
}

function path(points: Line['points'], xAt: (x: number) => number, yAt: (y: number) => number): string {
  let drawing = false;
  const parts: string[] = [];
  for (const [x, y] of points) {
    if (Number.isFinite(y)) parts.push(`${drawing ? 'L' : 'M'}${round(xAt(x))} ${round(yAt(y))}`);
    drawing = Number.isFinite(y);
  }
  // A lone point would be invisible.
  return parts.length === 1 ? `${parts[0]}h0.1` : parts.join('');
}

function legend(name: string, index: number, count: number): string {
  const step = Math.min(130, (RIGHT - LEFT) / count);
  const x = LEFT + index * step;
  return `<path class="line c${index % COLOURS}" d="M${round(x)} 30h18"/><text x="${round(x + 23)}" y="34">${escaped(name)}</text>`;
}

function smallest(values: readonly number[]): number {
  return values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
}

function largest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
}

function round(value: number): string {
  return String(Number(value.toFixed(1)));
}
