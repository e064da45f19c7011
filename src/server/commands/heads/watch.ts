import type { Command } from 'commander';
import type { Head__Output } from '../../../../protos/index.js';
import { InPlace } from '../../terminal/in-place.js';
import { type CommandIo, printJson, printLines } from '../command-io.js';
import { atLeast, readHeadName, serverOption, wholeNumber } from '../options.js';
import { watchBlock, watchLine } from './text/watch-text.js';
import { type CommonOptions, withClient } from './with-client.js';

interface WatchOptions extends CommonOptions {
  readonly interval: number;
  readonly count: number;
}

const MAX_WIDTH = 120;

export function addWatch(heads: Command, io: CommandIo): void {
  heads
    .command('watch')
    .description('show how a head learns, again and again, until Ctrl-C or until the head is deleted')
    .argument('<name>', 'the head', readHeadName)
    .option('--interval <seconds>', 'between two looks', atLeast(0.1), 1)
    .option('--count <n>', 'looks after which it ends; 0: none', wholeNumber(0), 0)
    .addOption(serverOption())
    .option('--json', 'print one JSON object a look')
    .addHelpText(
      'after',
      '\nExamples:\n  $ headwater heads watch flowers\n  $ headwater heads watch flowers --json --count 10',
    )
    .action((name: string, options: WatchOptions) =>
      withClient(options, async (client) => {
        const show = display(options, io);
        let looks = 0;
        for await (const head of client.watchHead(name, Math.round(1000 * options.interval))) {
          show(head);
          if (++looks === options.count) return;
        }
        io.err.write(`${name} was deleted\n`);
      }),
    );
}

/** In place on a terminal, a line a look elsewhere, JSON when asked for. */
function display({ json }: WatchOptions, { out }: CommandIo): (head: Head__Output) => void {
  if (json) return (head) => printJson(out, head);
  if (!out.isTTY) return (head) => printLines(out, [watchLine(head)]);
  const block = new InPlace(out);
  const width = () => Math.min(MAX_WIDTH, (out.columns ?? 80) - 1);
  return (head) => block.draw(watchBlock(head).map((line) => [...line].slice(0, width()).join('')));
}
