import type { ActResponse__Output } from '../../../../protos/index.js';
import type { ServiceCalls } from '../../../client/shared.js';
import { asFailure } from '../../client/as-failure.js';
import { type ConnectionOptions, openClient } from '../../client/connection.js';
import { UsageError } from '../../client/failure.js';
import { type CommandIo, printJson, printLines } from '../command-io.js';

export interface CommonOptions extends ConnectionOptions {
  readonly json?: true;
}

/** Runs a task with a client of the server. @throws Failure, UsageError. */
export async function withClient(
  options: ConnectionOptions,
  task: (client: ServiceCalls) => Promise<void>,
): Promise<void> {
  const client = await openClient(options);
  try {
    await task(client);
  } catch (error) {
    throw error instanceof UsageError ? error : asFailure(error, options.server);
  } finally {
    client.close();
  }
}

/** Prints a result: its JSON with `--json`, else its lines. */
export function printResult(io: CommandIo, { json }: CommonOptions, result: object, lines: readonly string[]): void {
  if (json) printJson(io.out, result);
  else printLines(io.out, lines);
}

/** Prints what became of an act. @param done what it does, as `the class cat is deleted`. */
export function printAct(io: CommandIo, options: CommonOptions, name: string, done: string, act: ActResponse__Output) {
  printResult(io, options, act, [`${name}: ${done}${act.applied ? '' : notApplied(name, act)}`]);
}

function notApplied(name: string, { sequence, head }: ActResponse__Output): string {
  const why = head?.taughtBy === 'nobody' ? 'no process teaches the head right now' : 'its learner is busy';
  return (
    ` - not yet: this is stored at position ${sequence} of its log and will be applied, but ${why}; ` +
    `see \`headwater heads show ${name}\``
  );
}
