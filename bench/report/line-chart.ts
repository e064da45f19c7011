/** A line of a chart. */
export interface ChartLine {
  readonly name: string;
  /** For each x. */
  readonly y: readonly number[];
  /** Colours on white, and on black. */
  readonly light: string;
  readonly dark: string;
  /** In pixels. */
  readonly width: number;
  /** Of dashes; undefined: none. */
  readonly dashes?: string | undefined;
}

export interface Chart {
  readonly title: string;
  readonly xTitle: string;
  readonly yTitle: string;
  readonly x: readonly number[];
  /** The first is drawn first, so the last is above all. */
  readonly lines: readonly ChartLine[];
}

const WIDTH = 860;
const HEIGHT = 400;
/** Of the plot. */
const LEFT = 62;
const RIGHT = 720;
const TOP = 44;
const BOTTOM = 340;
const LEGEND_STEP = 24;

/**
 * An SVG that can be read on light and dark pages: its colours follow the reader's preference, and it brings its own background.
 * Fractions on the y axis are shown in percent.
 * @throws Error when there is nothing to draw
 */
export function lineChart(chart: Chart): string {
  const { title, x, lines } = chart;
  if (x.length < 2 || lines.length === 0) throw new Error(`a chart of ${lines.length} lines with ${x.length} points`);
  const end = x.at(-1)!;
  const xTicks = ticks(0, end, 8).filter((value) => value <= end);
  const values = lines.flatMap(({ y }) => y);
  const yTicks = ticks(Math.min(...values), Math.max(...values), 8);
  const xAt = scale([0, end], [LEFT, RIGHT]);
  const yAt = scale([Math.min(yTicks[0]!, ...values), Math.max(yTicks.at(-1)!, ...values)], [BOTTOM, TOP]);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="13" role="img" aria-label="${escaped(title)}">`,
    style(lines),
    `  <rect class="page" width="${WIDTH}" height="${HEIGHT}"/>`,
    `  <text class="title" x="${LEFT}" y="26">${escaped(title)}</text>`,
    ...yTicks.map((value) => horizontal(yAt(value), `${Math.round(100 * value)} %`)),
    ...xTicks.map((value) => vertical(xAt(value), String(value))),
    axes(chart),
    ...lines.map((line, index) => path(line, index, x, xAt, yAt)),
    ...lines.map((line, index) => legend(line, index, lines.length)),
    '</svg>',
    '',
  ].join('\n');
}

/** Round numbers from `low` to `high`, about `count`: the last is not below `high`, the first not above `low`. */
export function ticks(low: number, high: number, count: number): number[] {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough * 0.999)!;
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil(high / step - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

function scale([from, to]: readonly [number, number], [start, end]: readonly [number, number]) {
  return (value: number) => start + ((value - from) / (to - from)) * (end - start);
}

function style(lines: readonly ChartLine[]): string {
  const colours = (which: 'light' | 'dark') =>
    lines.map((line, index) => `.line${index} { stroke: ${line[which]} }`).join(' ');
  return `  <style>
    .page { fill: #ffffff } .title { font-size: 15px; font-weight: 600 } text { fill: #1f2328 } .small { fill: #57606a }
    .grid { stroke: #d8dee4; stroke-width: 1 } .axis { stroke: #57606a; stroke-width: 1.2; fill: none }
    .line { fill: none; stroke-linejoin: round; stroke-linecap: round } ${colours('light')}
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117 } text { fill: #e6edf3 } .small { fill: #9198a1 } .grid { stroke: #2a313c } .axis { stroke: #9198a1 }
      ${colours('dark')}
    }
  </style>`;
}

function horizontal(y: number, text: string): string {
  return `  <path class="grid" d="M${LEFT} ${round(y)}H${RIGHT}"/><text class="small" x="${LEFT - 8}" y="${round(y + 4)}" text-anchor="end">${text}</text>`;
}

function vertical(x: number, text: string): string {
  return `  <path class="axis" d="M${round(x)} ${BOTTOM}v5"/><text class="small" x="${round(x)}" y="${BOTTOM + 20}" text-anchor="middle">${text}</text>`;
}

function axes({ xTitle, yTitle }: Chart): string {
  const middle = (TOP + BOTTOM) / 2;
  return [
    `  <path class="axis" d="M${LEFT} ${TOP}V${BOTTOM}H${RIGHT}"/>`,
    `  <text class="small" x="${(LEFT + RIGHT) / 2}" y="${BOTTOM + 44}" text-anchor="middle">${escaped(xTitle)}</text>`,
    `  <text class="small" transform="translate(16 ${middle}) rotate(-90)" text-anchor="middle">${escaped(yTitle)}</text>`,
  ].join('\n');
}

function path(
  { y, width, dashes }: ChartLine,
  index: number,
  x: readonly number[],
  xAt: (value: number) => number,
  yAt: (value: number) => number,
): string {
  const points = y.map((value, at) => `${round(xAt(x[at]!))} ${round(yAt(value))}`);
  return `  <path class="line line${index}" stroke-width="${width}"${dashed(dashes)} d="M${points.join('L')}"/>`;
}

/** From the top: the line that is drawn last comes first. */
function legend({ name, width, dashes }: ChartLine, index: number, count: number): string {
  const y = TOP + 12 + (count - 1 - index) * LEGEND_STEP;
  return `  <path class="line line${index}" stroke-width="${width}"${dashed(dashes)} d="M${RIGHT + 20} ${y}h28"/><text x="${RIGHT + 58}" y="${y + 4}">${escaped(name)}</text>`;
}

function dashed(dashes: string | undefined): string {
  return dashes === undefined ? '' : ` stroke-dasharray="${dashes}"`;
}

function round(value: number): string {
  return String(Number(value.toFixed(1)));
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
