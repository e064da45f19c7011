/** Problems that the message has; a damaged file can have thousands. */
const SHOWN = 50;

/** A configuration that can't be used. One problem a line: where, what is wrong, what was expected. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  /** All of it was given with `--set`: the command line is wrong, not a file or the environment. */
  readonly wrongUsage: boolean;
  constructor(
    readonly problems: readonly string[],
    { wrongUsage = false, ...options }: ErrorOptions & { wrongUsage?: boolean } = {},
  ) {
    const more = problems.length > SHOWN ? [`and ${problems.length - SHOWN} more problems`] : [];
    super([...problems.slice(0, SHOWN), ...more].join('\n'), options);
    this.wrongUsage = wrongUsage;
  }
}
