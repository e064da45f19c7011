// Which version is served: the newest, or one that is pinned.
import type { Command } from 'commander';
import type { Head__Output } from '../../../../protos/index.js';
import { Failure } from '../../client/failure.js';
import type { CommandIo } from '../command-io.js';
import { jsonOption, readHeadName, serverOption, wholeNumber } from '../options.js';
import { type CommonOptions, printResult, withClient } from './with-client.js';

export function addRollback(heads: Command, io: CommandIo): void {
  heads
    .command('rollback')
    .description('serve an older version and pin it; 0 releases the pin')
    .argument('<name>', 'the head', readHeadName)
    .argument('<version>', 'a version that `heads show` lists, or 0', wholeNumber(0))
    .addOption(serverOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExamples:\n  $ headwater heads rollback flowers 12\n  $ headwater heads rollback flowers 0',
    )
    .action((name: string, version: number, options: CommonOptions) =>
      withClient(options, async (client) => printServed(io, options, await client.rollbackHead(name, version))),
    );
}

export function addPin(heads: Command, io: CommandIo): void {
  heads
    .command('pin')
    .description('serve one version until it is unpinned, whatever is learned meanwhile')
    .argument('<name>', 'the head', readHeadName)
    .argument('[version]', 'a version that `heads show` lists; none: the one being served', wholeNumber(1))
    .addOption(serverOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExamples:\n  $ headwater heads pin flowers\n  $ headwater heads pin flowers 12')
    .action((name: string, version: number | undefined, options: CommonOptions) =>
      withClient(options, async (client) => {
        const wanted = version ?? (await client.getHead(name)).servingVersion;
        // Version 0 would release a pin.
        if (wanted === 0) throw new Failure(`heads pin: ${name} has learned nothing yet: there is no version to pin`);
        printServed(io, options, await client.rollbackHead(name, wanted));
      }),
    );
}

export function addUnpin(heads: Command, io: CommandIo): void {
  heads
    .command('unpin')
    .description('serve the newest version again')
    .argument('<name>', 'the head', readHeadName)
    .addOption(serverOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ headwater heads unpin flowers')
    .action((name: string, options: CommonOptions) =>
      withClient(options, async (client) => printServed(io, options, await client.rollbackHead(name, 0))),
    );
}

function printServed(io: CommandIo, options: CommonOptions, head: Head__Output): void {
  const how = head.pinned ? ', pinned' : ', the newest from now on';
  printResult(io, options, head, [`${head.name} serves version ${head.servingVersion}${how}`]);
}
