/** A failure that the user is told in one line: what is wrong, where, what to do. */
export class Failure extends Error {
  override readonly name = 'Failure';
}

/** The command line itself is wrong: exit status 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
