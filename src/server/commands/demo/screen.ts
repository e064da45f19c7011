import { lineChart } from '../../terminal/chart.js';
import { escapeForTerminal } from '../../terminal/escape.js';
import { InPlace } from '../../terminal/in-place.js';
import { milliseconds, percent } from '../../terminal/numbers.js';
import type { ProgressOutput } from '../../terminal/progress.js';
import { bar } from '../../terminal/progress.js';

/** What the screen shows of a running demo. */
export interface DemoState {
  readonly labelled: number;
  readonly total: number;
  /** Served accuracy over the last 100 labels, one value every so many labels; the chart spans `chartLength` of them. */
  readonly accuracy: readonly number[];
  readonly chartLength: number;
  readonly labelsPerSecond: number;
  /** Of the last answers as the client saw them, in milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly version: number;
  readonly classes: number;
  /** Whose weights the version has; empty: not known. */
  readonly champion: string;
}

const CHART_HEIGHT = 11;
const MAX_WIDTH = 78;
const LINE_INTERVAL_MS = 2000;

/** The live picture: at most `width` columns. */
export function screenLines(state: DemoState, width: number): string[] {
  const columns = Math.min(width, MAX_WIDTH);
  // The part of the run that is still to come stays empty.
  const values = Array.from({ length: state.chartLength }, (_, index) => state.accuracy[index] ?? Number.NaN);
  const chart = lineChart(values, {
    width: columns,
    height: CHART_HEIGHT,
    min: 0,
    max: 1,
    format: (value) => `${Math.round(100 * value)} %`,
  });
  const axis = `${' '.repeat(6)}└${'─'.repeat(Math.max(0, columns - 7))}`;
  const now = percent(state.accuracy.at(-1));
  return [
    `served accuracy, last 100 labels: ${now}`.slice(0, columns),
    ...chart,
    axis,
    `${' '.repeat(7)}0${`${state.total} labels`.padStart(Math.max(0, columns - 8))}`,
    `${bar(state.labelled / Math.max(1, state.total), 20)} ${state.labelled}/${state.total} labels`.slice(0, columns),
    statusLine(state).slice(0, columns),
  ];
}

function statusLine({ labelsPerSecond, p50, p99, version, champion, classes }: DemoState): string {
  const latency = `p50 ${milliseconds(p50)}  p99 ${milliseconds(p99)}`;
  const by = champion === '' ? '' : ` by ${champion}`;
  return `${Math.round(labelsPerSecond)} labels/s  ${latency}  version ${version}${by}  ${classes} classes`;
}

/** Draws the state: in place on a terminal, a plain line every two seconds elsewhere. */
export class Screen {
  readonly #terminal: InPlace;
  #lastLine = Number.NEGATIVE_INFINITY;

  constructor(private readonly output: ProgressOutput) {
    this.#terminal = new InPlace(output);
  }

  draw(state: DemoState, last = false): void {
    if (this.output.isTTY) this.#terminal.draw(screenLines(state, (this.output.columns ?? 80) - 1));
    else this.#line(state, last);
  }

  #line(state: DemoState, last: boolean): void {
    const now = performance.now();
    if (!last && now - this.#lastLine < LINE_INTERVAL_MS) return;
    this.#lastLine = now;
    const accuracy = percent(state.accuracy.at(-1)).padStart(7);
    this.output.write(
      `${String(state.labelled).padStart(6)}/${state.total} labels  served accuracy ${accuracy}  ${escapeForTerminal(statusLine(state))}\n`,
    );
  }
}
