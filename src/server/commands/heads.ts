import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { Failure, UsageError } from '../client/failure.js';
import { asFailure } from '../client/grpc-errors.js';
import { HeadwaterClient } from '../client/headwater-client.js';
import { type CommandIo, printLines } from './command-io.js';
import { headDetails, headsTable } from './heads-text.js';
import { collect, jsonOption, readHeadName, serverOption, wholeNumber } from './options.js';

interface CommonOptions {
  readonly server: string;
  readonly json?: true;
}

/** `headwater heads …`: manages heads. */
export function addHeadsCommand(program: Command, io: CommandIo): void {
  const heads = program
    .command('heads')
    .description('manage heads')
    .addHelpText('after', '\nExample:\n  $ headwater heads list');
  addList(heads, io);
  addShow(heads, io);
  addCreate(heads, io);
  addDelete(heads, io);
  addRollback(heads, io);
}

function addList(heads: Command, io: CommandIo): void {
  heads
    .command('list')
    .description('list all heads')
    .addOption(serverOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ headwater heads list')
    .action((options: CommonOptions) =>
      withClient(options.server, async (client) => {
        const list = await client.listHeads();
        printLines(io.out, options.json ? [JSON.stringify({ heads: list })] : headsTable(list));
      }),
    );
}

function addShow(heads: Command, io: CommandIo): void {
  heads
    .command('show')
    .description('show a head: versions, accuracy, classes')
    .argument('<name>', 'the head', readHeadName)
    .addOption(serverOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ headwater heads show flowers')
    .action((name: string, options: CommonOptions) =>
      withClient(options.server, async (client) => {
        const head = await client.getHead(name);
        printLines(io.out, options.json ? [JSON.stringify(head)] : headDetails(head));
      }),
    );
}

interface CreateOptions extends CommonOptions {
  readonly backbone: string;
  readonly class: string[];
  readonly maxClasses: number;
}

function addCreate(heads: Command, io: CommandIo): void {
  heads
    .command('create')
    .description('create a head')
    .argument('<name>', 'the new head', readHeadName)
    .requiredOption('--backbone <name>', 'the backbone whose embeddings it classifies', readHeadName)
    .option('--class <name>', 'a class; may be given several times; none: new labels become classes', collect, [])
    .option('--max-classes <n>', 'limit of an open head; 0: the default of the server', wholeNumber(0, 100_000), 0)
    .addOption(serverOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExamples:\n  $ headwater heads create flowers --backbone mobilenet\n' +
        '  $ headwater heads create pets --backbone mobilenet --class cat --class dog',
    )
    .action((name: string, options: CreateOptions) =>
      withClient(options.server, async (client) => {
        const { backbone, maxClasses } = options;
        const head = await client.createHead({ name, backbone, classes: options.class, maxClasses });
        printLines(io.out, options.json ? [JSON.stringify(head)] : [`created ${name} on ${backbone}`]);
      }),
    );
}

function addDelete(heads: Command, io: CommandIo): void {
  heads
    .command('delete')
    .description('delete a head with its versions and its training log')
    .argument('<name>', 'the head', readHeadName)
    .option('--yes', 'do not ask')
    .addOption(serverOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ headwater heads delete flowers --yes')
    .action((name: string, options: CommonOptions & { yes?: true }) =>
      withClient(options.server, async (client) => {
        if (!options.yes) await confirmDeletion(name, io);
        await client.deleteHead(name);
        printLines(io.out, options.json ? [JSON.stringify({ deleted: name })] : [`deleted ${name}`]);
      }),
    );
}

/** @throws UsageError without a terminal to ask at; Failure when the answer is another. */
async function confirmDeletion(name: string, io: CommandIo): Promise<void> {
  if (!io.input.isTTY) throw new UsageError('heads delete: there is no terminal to ask at; add --yes');
  const prompt = createInterface({ input: io.input, output: io.err as unknown as NodeJS.WritableStream });
  try {
    const typed = await prompt.question(
      `This deletes ${name}, its versions and what it learned. Type its name to go on: `,
    );
    if (typed.trim() !== name) throw new Failure(`heads delete: ${name} was not typed; nothing was deleted`);
  } finally {
    prompt.close();
  }
}

function addRollback(heads: Command, io: CommandIo): void {
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
      withClient(options.server, async (client) => {
        const head = await client.rollbackHead(name, version);
        const how = head.pinned ? ', pinned' : ', the newest from now on';
        printLines(
          io.out,
          options.json ? [JSON.stringify(head)] : [`${name} serves version ${head.servingVersion}${how}`],
        );
      }),
    );
}

async function withClient(server: string, task: (client: HeadwaterClient) => Promise<void>): Promise<void> {
  const client = new HeadwaterClient(server);
  try {
    await task(client);
  } catch (error) {
    throw error instanceof UsageError ? error : asFailure(error, server);
  } finally {
    client.close();
  }
}
