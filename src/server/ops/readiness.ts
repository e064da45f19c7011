/** Why the process is not ready; ready when there is no reason. */
export class Readiness {
  private readonly waitingFor = new Map<string, string>();
  private readonly listeners: ((ready: boolean) => void)[] = [];

  get ready(): boolean {
    return this.waitingFor.size === 0;
  }

  /** Sentences, by what they are about. */
  get reasons(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.waitingFor);
  }

  /** Says that `what` is awaited, or (without a reason) that it is there. */
  set(what: string, reason: string | undefined): void {
    const before = this.ready;
    if (reason === undefined) this.waitingFor.delete(what);
    else this.waitingFor.set(what, reason);
    if (before !== this.ready) for (const listener of this.listeners) listener(this.ready);
  }

  onChange(listener: (ready: boolean) => void): void {
    this.listeners.push(listener);
  }
}
