import { open } from 'node:fs/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { Failure, UsageError } from '../client/failure.js';
import { SCOPES, type Scope } from '../security/caller.js';
import { HEAD_PATTERN, HEAD_PATTERN_RULE } from '../security/grant.js';
import { createToken, hashToken } from '../security/token.js';
import { type CommandIo, printJson, printLines } from './command-io.js';
import { collect, readHeadName } from './options.js';

interface TokenOptions {
  readonly name: string;
  readonly scope: readonly Scope[];
  readonly head: readonly string[];
  readonly tokenFile?: string;
  readonly append?: string;
  readonly json?: true;
}

/** `headwater token create`: makes a bearer token. */
export function addTokenCommand(program: Command, io: CommandIo): void {
  const token = program.command('token').description('make the tokens that clients show');
  token
    .command('create')
    .description('make a token, and the line of the configuration that lets it in')
    .requiredOption('--name <name>', 'whose token it is: a-z, 0-9, _ and -', readHeadName)
    .addOption(new Option('--scope <scope...>', 'what it allows').choices(SCOPES).makeOptionMandatory())
    .option(
      '--head <name>',
      "head or backbone it is for, may be given several times; '*' for any characters",
      readHead,
      [],
    )
    .option('--token-file <file>', 'write the token there (readable by you only) instead of showing it')
    .option('--append <file>', 'add the line to this file (security.tokensFile) instead of showing it')
    .option('--json', 'print one JSON object as the last line of stdout')
    .addHelpText(
      'after',
      '\nThe token is shown once, and kept nowhere: the configuration has its hash only.\n' +
        '\nExample:\n  $ headwater token create --name cameras --scope infer label --head caltech --token-file cameras.token',
    )
    .action((options: TokenOptions) => createTokenFor(options, io));
}

async function createTokenFor(options: TokenOptions, io: CommandIo): Promise<void> {
  const { name, scope, head, tokenFile, append } = options;
  if (head.length === 0 && scope.some((one) => one !== 'metrics')) {
    throw new UsageError("--head is missing: name the heads and backbones that the token is for; --head '*' is all");
  }
  const token = createToken();
  const hash = hashToken(token);
  const quoted = head.map((pattern) => JSON.stringify(pattern)).join(', ');
  const line = `- { name: "${name}", hash: "${hash}", scopes: [${scope.join(', ')}], heads: [${quoted}] }`;
  // The token first: a line without its token would let nobody in, and be in the way of the next attempt.
  if (tokenFile !== undefined) await write(tokenFile, 'wx', `${token}\n`, 0o600);
  if (append !== undefined) await write(append, 'a', `${line}\n`, 0o640);
  if (options.json) {
    printJson(io.out, { name, ...(tokenFile ? {} : { token }), hash, scopes: scope, heads: head });
    return;
  }
  const shown =
    tokenFile === undefined ? ['The token, shown this once:', '', `  ${token}`, ''] : [`The token is in ${tokenFile}.`];
  const where =
    append === undefined
      ? ['For the configuration (security.tokens, or a file named by security.tokensFile):', '', `  ${line}`]
      : [`Its line is in ${append}.`];
  printLines(io.out, [...shown, ...where]);
}

function readHead(text: string, previous: readonly string[]): string[] {
  if (!HEAD_PATTERN.test(text)) throw new InvalidArgumentError(`expected ${HEAD_PATTERN_RULE}.`);
  return collect(text, previous);
}

async function write(path: string, flags: string, text: string, mode: number): Promise<void> {
  try {
    const file = await open(path, flags, mode);
    try {
      await file.writeFile(text);
    } finally {
      await file.close();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'EEXIST' ? 'there is such a file already' : `can't be written: ${code}`;
    throw new Failure(`${path}: ${why}`, { cause: error });
  }
}
