import type { ProgressOutput } from '../terminal/progress.js';

/** Where a command reads and writes. Results go to `out`, progress and errors to `err`. */
export interface CommandIo {
  readonly out: ProgressOutput;
  readonly err: ProgressOutput;
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
}

/** The process's own streams. */
export const processIo: CommandIo = { out: process.stdout, err: process.stderr, input: process.stdin };

export function printLines(output: ProgressOutput, lines: readonly string[]): void {
  output.write(`${lines.join('\n')}\n`);
}
