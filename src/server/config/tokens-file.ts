import { z } from 'zod';
import { ConfigError, withoutValue } from './error.js';
import { checkNamesApart, checkTokens, token } from './schema/security.js';
import { readYaml, type YamlError } from './yaml.js';

type Token = z.output<typeof token>;

const tokens = z.array(token, { error: 'expected a list of tokens, each with name, hash, scopes and heads' });

/**
 * Reads the text of `security.tokensFile`; an empty one is an empty list.
 * @param others the tokens of the configuration, with which these share names and ids
 * @param certificates of the configuration, with which these share names
 * @throws ConfigError with a line for every problem; contents are never part of it.
 */
export function parseTokens(
  text: string,
  path: string,
  others: readonly Omit<Token, 'scopes' | 'heads'>[] = [],
  certificates: readonly { readonly name: string }[] = [],
): Token[] {
  let value: unknown;
  try {
    value = readYaml(text);
  } catch (error) {
    const { line } = error as YamlError;
    throw new ConfigError([`${path}${line === undefined ? '' : `:${line}`}: not valid YAML`]);
  }
  const parsed = tokens
    .superRefine((entries, context) => {
      checkTokens([...entries, ...others], context);
      checkNamesApart(entries, certificates, context);
    })
    .safeParse(value ?? []);
  if (parsed.success) return parsed.data;
  throw new ConfigError(
    parsed.error.issues.map((issue) => {
      const place = issue.path.map(String).join('.') || 'the top level';
      const message =
        issue.code === 'unrecognized_keys'
          ? `unknown key; expected name, hash, scopes and heads`
          : withoutValue(issue.message.replace(/^Invalid input: /, ''));
      return `${path}: ${place}: ${message}`;
    }),
  );
}
