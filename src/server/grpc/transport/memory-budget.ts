// What all clients together may make the server hold, and who has to give way when it is full.

/** One call's share of a budget. */
export interface Holder {
  /** Whose call it is: those who hold most give way first. */
  client: string;
  /** What it came through: clients behind one proxy have one address. */
  readonly connection: unknown;
  /** Bytes that can be taken back: nothing was promised for them yet. 0: the call is left alone. */
  readonly revocable: number;
  /** Whether nothing has come of it lately. */
  readonly idle: boolean;
  /** Ends the call: its share is given back by then. */
  revoke(): void;
}

/**
 * Counts bytes by holder. When a holder wants more than there is, an unfinished message is ended: of a client that holds more; of the same
 * client's, on a connection that holds more; or one of which nothing comes any more, whosever it is. If there is none, the holder is
 * refused. So who fills the memory with halves of messages makes room for others, also for those behind the same proxy.
 */
export class MemoryBudget {
  private readonly held = new Map<Holder, number>();
  private readonly byClient = new Map<string, number>();
  private readonly closed = new WeakSet<Holder>();
  private total = 0;

  /** @param limit bytes */
  constructor(readonly limit: number) {}

  /** Bytes held now. */
  get used(): number {
    return this.total;
  }

  /** @returns whether the bytes were taken; if not, nothing has changed for this holder. */
  take(holder: Holder, bytes: number): boolean {
    if (this.closed.has(holder)) return false;
    while (this.total + bytes > this.limit) {
      const victim = this.victimFor(holder, bytes);
      if (victim === undefined) return false;
      // Given back here already: what a holder does in `revoke` must not decide whether this loop ends.
      this.giveAll(victim);
      victim.revoke();
    }
    this.add(holder, bytes);
    return true;
  }

  give(holder: Holder, bytes: number): void {
    this.add(holder, -Math.min(bytes, this.held.get(holder) ?? 0));
  }

  giveAll(holder: Holder): void {
    this.add(holder, -(this.held.get(holder) ?? 0));
    this.held.delete(holder);
  }

  /** Gives all back and takes no more: what was under way when a call ended would be held for good. */
  close(holder: Holder): void {
    this.giveAll(holder);
    this.closed.add(holder);
  }

  /** Says that the holder is another client's. */
  move(holder: Holder, client: string): void {
    if (client === holder.client) return;
    const bytes = this.held.get(holder) ?? 0;
    this.add(holder, -bytes);
    holder.client = client;
    this.add(holder, bytes);
  }

  private add(holder: Holder, bytes: number): void {
    if (bytes === 0) return;
    this.total += bytes;
    this.held.set(holder, (this.held.get(holder) ?? 0) + bytes);
    const client = (this.byClient.get(holder.client) ?? 0) + bytes;
    if (client === 0) this.byClient.delete(holder.client);
    else this.byClient.set(holder.client, client);
  }

  private victimFor(asking: Holder, bytes: number): Holder | undefined {
    const own = this.byClient.get(asking.client) ?? 0;
    const byConnection = new Map<unknown, number>();
    let ofLargerClient: Holder | undefined;
    let idle: Holder | undefined;
    for (const [holder, held] of this.held) {
      if (holder.client === asking.client) {
        byConnection.set(holder.connection, (byConnection.get(holder.connection) ?? 0) + held);
      }
      if (holder === asking || holder.revocable === 0) continue;
      if (holder.idle) idle = larger(idle, holder);
      if (holder.client === asking.client || (this.byClient.get(holder.client) ?? 0) < own) continue;
      ofLargerClient = this.ofLarger(ofLargerClient, holder);
    }
    if (ofLargerClient !== undefined) return ofLargerClient;
    return this.onLargerConnection(asking, bytes, byConnection) ?? idle;
  }

  /** Of the client that holds most; of its calls the one with most to take back. */
  private ofLarger(before: Holder | undefined, holder: Holder): Holder {
    if (before === undefined || before.client === holder.client) return larger(before, holder);
    return this.byClient.get(holder.client)! > this.byClient.get(before.client)! ? holder : before;
  }

  /** Only where the connection still holds more when the asking one has got what it asks for: two would end each other's for ever. */
  private onLargerConnection(
    asking: Holder,
    bytes: number,
    byConnection: ReadonlyMap<unknown, number>,
  ): Holder | undefined {
    const own = (byConnection.get(asking.connection) ?? 0) + bytes;
    let found: Holder | undefined;
    for (const holder of this.held.keys()) {
      if (holder.client !== asking.client || holder.connection === asking.connection || holder.revocable === 0)
        continue;
      if ((byConnection.get(holder.connection) ?? 0) >= own) found = larger(found, holder);
    }
    return found;
  }
}

function larger(before: Holder | undefined, holder: Holder): Holder {
  return before === undefined || holder.revocable > before.revocable ? holder : before;
}
