import { parse, YAMLParseError } from 'yaml';

/** Text that is not YAML. `message` may quote a word of it. */
export class YamlError extends Error {
  /** @param line from 1; undefined: the text as a whole */
  constructor(
    readonly line: number | undefined,
    message: string,
    cause: unknown,
  ) {
    super(message, { cause });
    this.name = 'YamlError';
  }
}

/** The value of a YAML text (or JSON, which is YAML). @throws YamlError */
export function readYaml(text: string): unknown {
  try {
    // Not the package's own "pretty" messages: it makes one for each of a broken file's thousands of errors, each from the whole text.
    return parse(text, { maxAliasCount: 100, prettyErrors: false });
  } catch (error) {
    const { message } = error as Error;
    if (!(error instanceof YAMLParseError)) throw new YamlError(undefined, message.split('\n')[0] ?? '', error);
    const before = text.slice(0, error.pos[0]).split('\n');
    const column = (before.at(-1)?.length ?? 0) + 1;
    throw new YamlError(before.length, `${message.split('\n')[0]} at line ${before.length}, column ${column}`, error);
  }
}
