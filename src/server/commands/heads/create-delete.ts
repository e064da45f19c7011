import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import type { Head__Output } from '../../../../protos/index.js';
import { Failure, UsageError } from '../../client/failure.js';
import { escapeForTerminal } from '../../terminal/escape.js';
import type { CommandIo } from '../command-io.js';
import { jsonOption, readHeadName, serverOption, wholeNumber } from '../options.js';
import { addNewHeadOptions, type NewHeadOptions, newHead } from './new-head-options.js';
import { type CommonOptions, printResult, withClient } from './with-client.js';

export function addCreate(heads: Command, io: CommandIo): void {
  addNewHeadOptions(
    heads.command('create').description('create a head').argument('<name>', 'the new head', readHeadName),
  )
    .addOption(serverOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExamples:\n  $ headwater heads create flowers --backbone mobilenet\n' +
        '  $ headwater heads create pets --backbone mobilenet --class cat --class dog --train sgd,slda',
    )
    .action((name: string, options: NewHeadOptions & CommonOptions) =>
      withClient(options, async (client) => {
        const head = await client.createHead(newHead(name, options));
        printResult(io, options, head, [`created ${name} on ${options.backbone}`]);
      }),
    );
}

interface DeleteOptions extends CommonOptions {
  readonly yes?: true;
  readonly version?: number;
}

export function addDelete(heads: Command, io: CommandIo): void {
  heads
    .command('delete')
    .description('delete a head with its versions and its training log')
    .argument('<name>', 'the head', readHeadName)
    .option('--yes', 'do not ask; needs --version')
    .option(
      '--version <n>',
      'a version of the head that you have seen, 0 if it has none; it may have learned since',
      wholeNumber(0),
    )
    .addOption(serverOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExamples:\n  $ headwater heads delete flowers\n  $ headwater heads delete flowers --version 12 --yes',
    )
    .action((name: string, options: DeleteOptions) =>
      withClient(options, async (client) => {
        if (options.yes && options.version === undefined) {
          throw new UsageError('heads delete: --yes needs --version N, a version that `heads show` tells');
        }
        const version = options.yes ? options.version! : await askVersion(await client.getHead(name), options, io);
        await client.deleteHead(name, version);
        printResult(io, options, { deleted: name, version }, [`deleted ${name}, which was seen at version ${version}`]);
      }),
    );
}

/**
 * The version that the user means to delete, typed after seeing what the head is.
 *
 * @throws UsageError without a terminal to ask at; Failure when the answer is another version.
 */
async function askVersion(head: Head__Output, options: DeleteOptions, io: CommandIo): Promise<number> {
  const { name, latestVersion, samples, classes, versions } = head;
  if (!io.input.isTTY) {
    throw new UsageError('heads delete: there is no terminal to ask at; add --version N --yes');
  }
  const wanted = options.version ?? latestVersion;
  if (wanted > latestVersion || wanted < (versions.at(-1)?.version ?? latestVersion)) {
    throw new Failure(
      `heads delete: ${name} is at version ${latestVersion} and has no version ${wanted}; nothing was deleted`,
    );
  }
  const prompt = createInterface({ input: io.input, output: io.err as unknown as NodeJS.WritableStream });
  try {
    // A terminal that is closed answers nothing.
    const closed = once(prompt, 'close').then(() => '');
    const question = prompt.question(
      `${escapeForTerminal(name)} is at version ${latestVersion}: ${samples} samples, ${classes.length} classes. All of it will be deleted, ` +
        'with its training log.\nType the version to delete it: ',
    );
    const typed = await Promise.race([question, closed]);
    if (typed.trim() !== String(latestVersion)) {
      throw new Failure(`heads delete: ${latestVersion} was not typed; nothing was deleted`);
    }
    return latestVersion;
  } finally {
    prompt.close();
  }
}
