import { escapeForTerminal } from './escape.js';

/** Where progress is written: stderr, or a test's own. */
export interface ProgressOutput {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

export interface ProgressState {
  readonly done: number;
  readonly total: number;
  /** What else is shown, behind the bar. */
  readonly detail: string;
}

const TERMINAL_INTERVAL_MS = 100;
const LINE_INTERVAL_MS = 5000;
const BAR_WIDTH = 24;
/** Of a message's line. */
const MOST_CHARACTERS = 20_000;

/** A bar of `width` characters, filled to eighths. */
export function bar(share: number, width: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8);
  const full = Math.floor(eighths / 8);
  const rest = eighths % 8;
  const partial = rest === 0 ? '' : String.fromCharCode(0x2590 - rest);
  return ('█'.repeat(full) + partial).padEnd(width);
}

/** One line of progress: a bar that is redrawn in place on a terminal, a plain line every few seconds elsewhere. */
export class Progress {
  #last = Number.NEGATIVE_INFINITY;
  #drawn = false;

  /** @param now Milliseconds of a clock that never goes back. */
  constructor(
    readonly title: string,
    readonly output: ProgressOutput,
    readonly now: () => number = () => performance.now(),
  ) {
    // Nothing is due before the first interval: a task that ends at once prints no plain lines.
    if (!output.isTTY) this.#last = now();
  }

  update(state: ProgressState): void {
    const interval = this.output.isTTY ? TERMINAL_INTERVAL_MS : LINE_INTERVAL_MS;
    if (this.now() - this.#last < interval) return;
    this.#last = this.now();
    this.#draw(state);
  }

  /** Draws the last state, whatever the interval, and ends the line. */
  end(state: ProgressState): void {
    this.#draw(state);
    if (this.output.isTTY) this.output.write('\n');
    this.#drawn = false;
  }

  /** Makes room for a message of its own line; the next update draws the bar again. */
  message(line: string): void {
    if (this.#drawn) this.output.write('\r\x1b[2K');
    this.#drawn = false;
    this.output.write(`${escapeForTerminal(line, MOST_CHARACTERS)}\n`);
  }

  #draw({ done, total, detail }: ProgressState): void {
    const share = total > 0 ? done / total : 1;
    if (!this.output.isTTY) {
      this.output.write(`${escapeForTerminal(`${this.title} ${done}/${total}  ${detail}`)}\n`);
      return;
    }
    const line = escapeForTerminal(`${this.title} ${bar(share, BAR_WIDTH)} ${done}/${total}  ${detail}`);
    this.output.write(`\r\x1b[2K${[...line].slice(0, (this.output.columns ?? 80) - 1).join('')}`);
    this.#drawn = true;
  }
}
