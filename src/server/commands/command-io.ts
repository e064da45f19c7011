import { escapeForTerminal } from '../terminal/escape.js';
import type { ProgressOutput } from '../terminal/progress.js';
import { printableJson } from '../text/json.js';

/** Where a command reads and writes. Results go to `out`, progress and errors to `err`. */
export interface CommandIo {
  readonly out: ProgressOutput;
  readonly err: ProgressOutput;
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
}

/** The process's own streams. */
export const processIo: CommandIo = { out: process.stdout, err: process.stderr, input: process.stdin };

/** Characters of a line; more are no text for people. */
const MOST_CHARACTERS = 20_000;

/** Prints lines for people. Whatever strangers' text is in them stays on its line: what is no visible text is shown as `\u{…}`. */
export function printLines(output: ProgressOutput, lines: readonly string[]): void {
  output.write(lines.map((line) => `${escapeForTerminal(line, MOST_CHARACTERS)}\n`).join(''));
}

/** Prints a value for scripts: one line of JSON, safe on a terminal. */
export function printJson(output: ProgressOutput, value: unknown): void {
  output.write(`${printableJson(value)}\n`);
}
