import { type Command, InvalidArgumentError, Option } from 'commander';
import type { NewHead } from '../../../client/shared.js';
import { learnerKinds } from '../../../learner/index.js';
import { servable } from '../../config/index.js';
import { collect, readHeadName, wholeNumber } from '../options.js';

/** Options of a head to create, as commander reads them. */
export interface NewHeadOptions {
  readonly backbone: string;
  readonly class: string[];
  readonly maxClasses: number;
  readonly serve: string;
  readonly train: string[];
}

/** Adds the options that `create` and `import` share. */
export function addNewHeadOptions(command: Command): Command {
  return command
    .requiredOption('--backbone <name>', 'the backbone whose embeddings it classifies', readHeadName)
    .option('--class <name>', 'a class; may be given several times; none: new labels become classes', collect, [])
    .option('--max-classes <n>', 'limit of an open head; 0: the default of the server', wholeNumber(0, 100_000), 0)
    .addOption(
      new Option('--serve <candidate>', 'what answers; auto: the best by its scores')
        .choices([...servable])
        .default('auto'),
    )
    .addOption(
      new Option('--train <learners>', `what trains: auto, or some of ${learnerKinds.join(',')} with commas`)
        .default([], 'auto')
        .argParser(readTrain),
    );
}

export function newHead(name: string, options: NewHeadOptions): NewHead {
  const { backbone, maxClasses, serve, train } = options;
  return { name, backbone, classes: options.class, maxClasses, serve, train };
}

/** One of the learners. */
export function readLearner(text: string): string {
  if ((learnerKinds as readonly string[]).includes(text)) return text;
  throw new InvalidArgumentError(`expected learners of ${learnerKinds.join(', ')}.`);
}

/** `auto` as an empty list, or learners with commas. */
function readTrain(text: string): string[] {
  return text === 'auto' ? [] : text.split(',').map((part) => readLearner(part.trim()));
}
