import { main } from '../../src/server/cli.js';

/** What a command answered and printed. */
export interface CommandResult {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `headwater <argv>` in this process, with streams that are no terminals. */
export async function runCommand(...argv: string[]): Promise<CommandResult> {
  const collector = () => {
    const texts: string[] = [];
    return { texts, stream: { isTTY: false, write: (text: string) => texts.push(text) > 0 } };
  };
  const [out, err] = [collector(), collector()];
  const status = await main(argv, { out: out.stream, err: err.stream, input: process.stdin });
  return { status, out: out.texts.join(''), err: err.texts.join('') };
}
