/** Refusals come by the thousand when somebody attacks: of each kind one a second is logged, with how many there were. */
export class LogSeldom {
  private readonly kinds = new Map<string, { since: number; suppressed: number }>();

  /** @param log told of what is to be logged, with the number of its kind that were not since the last one */
  constructor(private readonly log: (fields: object, message: string, suppressed: number) => void) {}

  /** @param kind one of a few */
  tell(kind: string, fields: object, message: string): void {
    const now = performance.now();
    const last = this.kinds.get(kind);
    if (last !== undefined && now - last.since < 1000) {
      last.suppressed++;
      return;
    }
    this.kinds.set(kind, { since: now, suppressed: 0 });
    this.log(fields, message, last?.suppressed ?? 0);
  }
}
