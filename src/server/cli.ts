import { Command, CommanderError } from 'commander';
import { UsageError } from './client/failure.js';
import { addBenchCommand } from './commands/bench.js';
import { type CommandIo, processIo } from './commands/command-io.js';
import { addDemoCommand } from './commands/demo/demo.js';
import { addFeedCommand } from './commands/feed.js';
import { addHeadsCommand } from './commands/heads/heads.js';
import { addInspectCommand } from './commands/inspect.js';
import { addConnectionOptions } from './commands/options.js';
import { addPredictCommand } from './commands/predict.js';
import { addReplayCommand } from './commands/replay.js';
import { addServeCommand } from './commands/serve.js';
import { addTokenCommand } from './commands/token.js';
import { ConfigError } from './config/error.js';
import { escapeForTerminal } from './terminal/escape.js';
import { packageVersion } from './version.js';

const DONE = 0;
const FAILED = 1;
const WRONG_USAGE = 2;
/** Of an error's line: some quote what strangers sent. */
const MOST_CHARACTERS = 20_000;

/**
 * The command line `headwater`.
 *
 * @param argv Arguments without node and the script.
 * @returns The exit status: 0 done, 1 failed, 2 wrong usage. The process is left running until its streams are written.
 */
export async function main(argv: readonly string[], io: CommandIo = processIo): Promise<number> {
  // A reader that goes away (`headwater heads list | head`) is no error of ours.
  if (io === processIo) process.stdout.on('error', ignoreClosedPipe);
  let status = DONE;
  const program = buildProgram(io, (value) => {
    status = value;
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return status;
  } catch (error) {
    return reportError(error, io);
  }
}

function buildProgram(io: CommandIo, setStatus: (status: number) => void): Command {
  const program = new Command('headwater')
    .description('Serves image classifiers from one frozen, pruned backbone, and keeps teaching their heads online.')
    .version(packageVersion, '-V, --version')
    // `--version` behind a command is that command's own.
    .enablePositionalOptions()
    .addHelpText('after', '\nExample:\n  $ headwater demo\n\nEach command has its own help: headwater feed --help');
  addServeCommand(program, io, setStatus);
  addDemoCommand(program, io, setStatus);
  addFeedCommand(program, io, setStatus);
  addPredictCommand(program, io, setStatus);
  addHeadsCommand(program, io);
  addReplayCommand(program, io, setStatus);
  addInspectCommand(program, io);
  addBenchCommand(program, io);
  addTokenCommand(program, io);
  addConnectionOptions(program);
  prepare(program, io, 'headwater');
  return program;
}

/** Every command throws instead of exiting, and tells a wrong use in one line. */
function prepare(command: Command, io: CommandIo, path: string): void {
  command
    .exitOverride()
    .helpCommand(false)
    .showSuggestionAfterError(true)
    .configureOutput({
      writeOut: (text) => void io.out.write(text),
      writeErr: (text) => void io.err.write(text),
      outputError: (text, write) => {
        const problem = text
          .replace(/^error: /, '')
          .trim()
          .replace(/\s*\n\s*/g, ' ')
          .replace(/\.$/, '');
        write(`${path}: ${escapeForTerminal(problem)}; see ${path} --help\n`);
      },
    });
  for (const child of command.commands) prepare(child, io, `${path} ${child.name()}`);
}

/** Tells an error in one line, unless commander told it already. */
function reportError(error: unknown, io: CommandIo): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? DONE : WRONG_USAGE;
  const message = error instanceof Error ? error.message : String(error);
  const line = message.split(/\s*\n\s*/).join('; ');
  io.err.write(`headwater: ${escapeForTerminal(line, MOST_CHARACTERS)}\n`);
  if (error instanceof UsageError || (error instanceof ConfigError && error.wrongUsage)) return WRONG_USAGE;
  return FAILED;
}

function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}
