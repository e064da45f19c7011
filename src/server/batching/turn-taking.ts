/**
 * Things that take turns: first the clients, and within a client its own, so that neither a client with much nor a large
 * thing holds up a small one (round robin). Clients are remembered while they have something here. Every act takes O(1).
 */
export class TurnTaking<T extends { readonly client: string }> {
  /** Whose turn it is stands first; so within each client. */
  private readonly clients = new Map<string, Set<T>>();

  get empty(): boolean {
    return this.clients.size === 0;
  }

  add(item: T): void {
    const items = this.clients.get(item.client);
    if (items === undefined) this.clients.set(item.client, new Set([item]));
    else items.add(item);
  }

  /** @returns whether it was there */
  remove(item: T): boolean {
    const items = this.clients.get(item.client);
    if (items?.delete(item) !== true) return false;
    if (items.size === 0) this.clients.delete(item.client);
    return true;
  }

  /** The one whose turn it is; it stays, behind the others. */
  next(): T | undefined {
    const [turn] = this.clients;
    if (turn === undefined) return undefined;
    const [client, items] = turn;
    const [item] = items;
    items.delete(item!);
    items.add(item!);
    this.clients.delete(client);
    this.clients.set(client, items);
    return item;
  }
}
