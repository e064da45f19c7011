// What changes a head at a position of its training log.
import { Argument, type Command } from 'commander';
import { candidateNames } from '../../../learner/index.js';
import { escapeForTerminal } from '../../terminal/escape.js';
import type { CommandIo } from '../command-io.js';
import { jsonOption, readHeadName, serverOption } from '../options.js';
import { readLearner } from './new-head-options.js';
import { candidateTable } from './text/candidates.js';
import { type CommonOptions, printAct, printResult, withClient } from './with-client.js';

export function addActCommands(heads: Command, io: CommandIo): void {
  addPromote(heads, io);
  addLearners(heads, io);
  addDeleteClass(heads, io);
  addRenameClass(heads, io);
}

function addPromote(heads: Command, io: CommandIo): void {
  heads
    .command('promote')
    .description('let one candidate serve whatever the scores say; auto: the scores decide again')
    .argument('<name>', 'the head', readHeadName)
    .addArgument(new Argument('<candidate>', 'what serves').choices(['auto', ...candidateNames]))
    .addOption(serverOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExamples:\n  $ headwater heads promote flowers slda\n  $ headwater heads promote flowers auto',
    )
    .action((name: string, candidate: string, options: CommonOptions) =>
      withClient(options, async (client) => {
        const act = await client.promoteHead(name, candidate);
        const done = candidate === 'auto' ? 'the scores decide what serves' : `${candidate} serves from now on`;
        printAct(io, options, name, done, act);
      }),
    );
}

function addLearners(heads: Command, io: CommandIo): void {
  heads
    .command('learners')
    .description('choose what trains, or show the candidates and their scores')
    .argument('<name>', 'the head', readHeadName)
    .argument('[learner...]', 'all that train from now on; those that are new start with nothing', readLearners)
    .addOption(serverOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExamples:\n  $ headwater heads learners flowers\n  $ headwater heads learners flowers sgd slda',
    )
    .action((name: string, learners: readonly string[], options: CommonOptions) =>
      withClient(options, async (client) => {
        if (learners.length === 0) {
          const head = await client.getHead(name);
          printResult(io, options, { learners: head.learners }, candidateTable(head));
          return;
        }
        printAct(
          io,
          options,
          name,
          `${learners.join(', ')} train from now on`,
          await client.setLearners(name, learners),
        );
      }),
    );
}

function readLearners(text: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), readLearner(text)];
}

function addDeleteClass(heads: Command, io: CommandIo): void {
  heads
    .command('delete-class')
    .description('forget a class; in an open head, a later label of that name makes it anew')
    .argument('<name>', 'the head', readHeadName)
    .argument('<class>', 'the class')
    .addOption(serverOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ headwater heads delete-class flowers weed')
    .action((name: string, className: string, options: CommonOptions) =>
      withClient(options, async (client) => {
        const act = await client.deleteClass(name, className);
        printAct(io, options, name, `the class ${escapeForTerminal(className)} is deleted`, act);
      }),
    );
}

function addRenameClass(heads: Command, io: CommandIo): void {
  heads
    .command('rename-class')
    .description('give a class another name; labels may go on using the old one')
    .argument('<name>', 'the head', readHeadName)
    .argument('<from>', 'its name')
    .argument('<to>', 'its new name')
    .addOption(serverOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ headwater heads rename-class flowers rose "dog rose"')
    .action((name: string, from: string, to: string, options: CommonOptions) =>
      withClient(options, async (client) => {
        const act = await client.renameClass(name, from, to);
        printAct(io, options, name, `the class ${escapeForTerminal(from)} is called ${escapeForTerminal(to)}`, act);
      }),
    );
}
