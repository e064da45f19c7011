/** What the learners' states of this process's heads may take together. Estimates first, what they really take later. */
export class MemoryBudget {
  private readonly taken = new Map<string, number>();
  private total = 0;

  constructor(private readonly limit: number) {}

  /** Reserves so many bytes for a head, in all. @returns false, and changes nothing, when there is no room. */
  reserve(head: string, bytes: number): boolean {
    const before = this.taken.get(head) ?? 0;
    if (bytes > before && this.total - before + bytes > this.limit) return false;
    this.set(head, bytes);
    return true;
  }

  /** A head takes so many bytes, room or not. */
  set(head: string, bytes: number): void {
    this.total += bytes - (this.taken.get(head) ?? 0);
    this.taken.set(head, bytes);
  }

  release(head: string): void {
    this.set(head, 0);
    this.taken.delete(head);
  }

  /** What a head takes, or has reserved. */
  of(head: string): number {
    return this.taken.get(head) ?? 0;
  }
}
