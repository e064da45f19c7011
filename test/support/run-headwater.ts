import { PassThrough } from 'node:stream';
import { main } from '../../src/server/cli.js';
import type { CommandIo } from '../../src/server/commands/command-io.js';

export interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** The command line in this process. @param typed what a user types at its terminal; without it there is none. */
export async function headwater(argv: readonly string[], typed?: string): Promise<Run> {
  const out: string[] = [];
  const err: string[] = [];
  const input: NodeJS.ReadableStream & { isTTY?: boolean } = new PassThrough().end(typed);
  input.isTTY = typed !== undefined;
  const io: CommandIo = {
    out: { write: (text) => out.push(text) },
    err: { write: (text) => err.push(text) },
    input,
  };
  const code = await main(argv, io);
  return { code, out: out.join(''), err: err.join('') };
}

/** The last line of stdout as JSON. */
export function jsonOf({ out }: Run): Record<string, unknown> {
  return JSON.parse(out.trimEnd().split('\n').at(-1) ?? '') as Record<string, unknown>;
}
