import type { Command } from 'commander';
import type { ReplayProgress } from '../../learner/index.js';
import { escapeForTerminal } from '../terminal/escape.js';
import { Progress } from '../terminal/progress.js';
import { type CommandIo, printJson, printLines } from './command-io.js';
import { collect, headOption, jsonOption, wholeNumber } from './options.js';
import { replayJson, replayLines } from './replay-text.js';

const DIFFERS = 1;

interface Options {
  readonly head: string;
  readonly config: string;
  readonly set: string[];
  readonly to?: number;
  readonly learner?: string;
  readonly json?: true;
}

/** `headwater replay`: builds a head from its training log again, and compares. */
export function addReplayCommand(program: Command, io: CommandIo, setStatus: (status: number) => void): void {
  program
    .command('replay')
    .description('rebuild a head from its training log, and say whether it equals what is stored, bit for bit')
    .addOption(headOption())
    .option(
      '--to <sequence>',
      'the last entry of the log to learn (default: where the newest version stands)',
      wholeNumber(1),
    )
    .option('--learner <file>', 'what if it had learned in another way? The options of heads[].learner (YAML or JSON)')
    .option('--config <file>', 'configuration file of the service (YAML): says where the log is', 'headwater.yaml')
    .option('--set <key=value>', 'override a key of the configuration; may be given several times', collect, [])
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExamples:\n  $ headwater replay --head flowers --config headwater.yaml\n' +
        '  $ headwater replay --head flowers --learner slda-only.yaml --json\n' +
        '\nNothing is changed, and the service may run meanwhile. Exit status 1: it differs from a stored version.',
    )
    .action(async (options: Options) => {
      // Loaded here only: the other commands need neither configuration nor learner.
      const { loadConfig } = await import('../config/index.js');
      const { loadLearnerFile } = await import('../config/learner-file.js');
      const { replayHead } = await import('../../learner/index.js');
      const { nats, dataDir } = await loadConfig(options.config, { set: options.set });
      const learner = options.learner === undefined ? undefined : await loadLearnerFile(options.learner);
      const result = await withProgress(io, options.head, (onProgress, log) =>
        replayHead({
          nats: { ...nats, dataDir },
          head: options.head,
          to: options.to,
          learner,
          onProgress,
          log,
        }),
      );
      if (options.json) printJson(io.out, replayJson(result));
      else printLines(io.out, replayLines(result));
      if (result.outcome === 'differs') setStatus(DIFFERS);
    });
}

type Tell = (level: 'info' | 'warn' | 'error', message: string) => void;

/** Shows how far the log has come, and warnings as lines of their own. */
async function withProgress<T>(
  io: CommandIo,
  head: string,
  task: (onProgress: (progress: ReplayProgress) => void, log: Tell) => Promise<T>,
): Promise<T> {
  const progress = new Progress(head, io.err);
  let last: ReplayProgress | undefined;
  const stateOf = ({ entries, from, sequence, to }: ReplayProgress) => ({
    done: sequence - from,
    total: to - from,
    detail: `positions, ${entries} entries`,
  });
  const onProgress = (now: ReplayProgress) => {
    last = now;
    progress.update(stateOf(now));
  };
  const log: Tell = (level, message) => {
    if (level !== 'info') progress.message(`headwater: ${escapeForTerminal(message)}`);
  };
  const result = await task(onProgress, log);
  if (last && io.err.isTTY) progress.end(stateOf(last));
  return result;
}
