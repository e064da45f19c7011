// What all clients together may make the server hold, and who has to give way when it is full.

/** One call's share of a budget. */
export interface Holder {
  /** Whose call it is: those who hold most give way first. */
  readonly client: string;
  /** Bytes that can be taken back: nothing was promised for them yet. 0: the call is left alone. */
  readonly revocable: number;
  /** Ends the call: its share is given back by then. */
  revoke(): void;
}

/**
 * Counts bytes by holder. When a holder wants more than there is, the client with the largest sum gives way: if that is the holder's own,
 * the holder is refused; if not, that client's largest unfinished message is ended. So a client that fills the memory with
 * halves of messages makes room for others.
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
      const victim = this.largestOf(this.largestClient(), holder);
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

  private add(holder: Holder, bytes: number): void {
    if (bytes === 0) return;
    this.total += bytes;
    this.held.set(holder, (this.held.get(holder) ?? 0) + bytes);
    const client = (this.byClient.get(holder.client) ?? 0) + bytes;
    if (client === 0) this.byClient.delete(holder.client);
    else this.byClient.set(holder.client, client);
  }

  private largestClient(): string | undefined {
    let largest: string | undefined;
    for (const [client, bytes] of this.byClient) {
      if (largest === undefined || bytes > this.byClient.get(largest)!) largest = client;
    }
    return largest;
  }

  /** Of the client's calls the one with most to take back; none when the client is the one who asks. */
  private largestOf(client: string | undefined, asking: Holder): Holder | undefined {
    if (client === undefined || client === asking.client) return undefined;
    let largest: Holder | undefined;
    for (const holder of this.held.keys()) {
      if (holder.client !== client || holder.revocable === 0) continue;
      if (largest === undefined || holder.revocable > largest.revocable) largest = holder;
    }
    return largest;
  }
}
