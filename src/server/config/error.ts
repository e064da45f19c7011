/** Problems that the message has, and their characters; a damaged file can have thousands, and keys as long as itself. */
const [SHOWN, SHOWN_CHARACTERS, LONGEST] = [50, 16_000, 1_500];

/** A configuration that can't be used. One problem a line: where, what is wrong, what was expected. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  /** All of it was given with `--set`: the command line is wrong, not a file or the environment. */
  readonly wrongUsage: boolean;
  constructor(
    readonly problems: readonly string[],
    { wrongUsage = false, ...options }: ErrorOptions & { wrongUsage?: boolean } = {},
  ) {
    super(messageOf(problems), options);
    this.wrongUsage = wrongUsage;
  }
}

function messageOf(problems: readonly string[]): string {
  const shown: string[] = [];
  let characters = 0;
  for (const problem of problems.slice(0, SHOWN)) {
    const line = withoutMiddle(problem);
    characters += line.length;
    if (characters > SHOWN_CHARACTERS) break;
    shown.push(line);
  }
  const more = problems.length - shown.length;
  return [...shown, ...(more > 0 ? [`and ${more} more problems`] : [])].join('\n');
}

/** A problem begins with its place and ends with what was expected: what is too long goes from between. */
function withoutMiddle(problem: string): string {
  const kept = LONGEST / 2;
  return problem.length <= LONGEST ? problem : `${problem.slice(0, kept)} … ${problem.slice(-kept)}`;
}

/** A problem without what was found: in a list of tokens that may be one of them, put into the wrong place. */
export function withoutValue(message: string): string {
  return message.replace(/, got .*$/s, '');
}
