import { escapeForTerminal } from './escape.js';
import type { ProgressOutput } from './progress.js';

/** Lines on a terminal that are drawn over those drawn before. They must not be wider than the terminal. */
export class InPlace {
  #drawn = 0;

  constructor(private readonly output: ProgressOutput) {}

  draw(lines: readonly string[]): void {
    const up = this.#drawn === 0 ? '' : `\x1b[${this.#drawn}A`;
    // Lines that there are no more of are cleared, and stay empty.
    const padded = [...lines, ...Array.from({ length: Math.max(0, this.#drawn - lines.length) }, () => '')];
    this.output.write(`${up}${padded.map((line) => `\r\x1b[2K${escapeForTerminal(line)}\n`).join('')}`);
    this.#drawn = padded.length;
  }
}
