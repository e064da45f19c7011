import type { Command } from 'commander';
import type { CommandIo } from '../command-io.js';
import { jsonOption, readHeadName, serverOption } from '../options.js';
import { headDetails } from './text/details.js';
import { headsTable } from './text/heads-table.js';
import { type CommonOptions, printResult, withClient } from './with-client.js';

export function addList(heads: Command, io: CommandIo): void {
  heads
    .command('list')
    .description('list all heads')
    .addOption(serverOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ headwater heads list')
    .action((options: CommonOptions) =>
      withClient(options, async (client) => {
        const list = await client.listHeads();
        printResult(io, options, { heads: list }, headsTable(list));
      }),
    );
}

export function addShow(heads: Command, io: CommandIo): void {
  heads
    .command('show')
    .description('show a head: candidates and their scores, promotions, drift, versions, classes, confusions')
    .argument('<name>', 'the head', readHeadName)
    .addOption(serverOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ headwater heads show flowers')
    .action((name: string, options: CommonOptions) =>
      withClient(options, async (client) => {
        const head = await client.getHead(name);
        printResult(io, options, head, headDetails(head));
      }),
    );
}
