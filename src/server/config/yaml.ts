import { parseDocument } from 'yaml';

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

/**
 * The value of a YAML text (or JSON, which is YAML). What is only doubtful (a tag or directive that means nothing here) is refused, too.
 * @throws YamlError
 */
export function readYaml(text: string): unknown {
  // Not the package's own "pretty" messages: it makes one for each of a broken file's thousands of errors, each from the whole text. And
  // not its warnings, which it prints with pieces of the text.
  const document = parseDocument(text, { prettyErrors: false, logLevel: 'error' });
  const [problem = document.warnings[0]] = document.errors;
  if (problem !== undefined) {
    const before = text.slice(0, problem.pos[0]).split('\n');
    const place = `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
    throw new YamlError(before.length, `${firstLine(problem)} at ${place}`, problem);
  }
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw new YamlError(undefined, firstLine(error as Error), error);
  }
}

function firstLine({ message }: Error): string {
  return message.split('\n', 1)[0] ?? '';
}
