import type { MemberState } from '../../nats/stores/lease-store.js';

interface Seen {
  /** Of its last sign of life; 0: there was none yet. */
  readonly revision: number;
  /** When it was seen. */
  readonly sinceMs: number;
  readonly able: boolean;
  dead: boolean;
}

/** The learner processes, as one of them sees them: who gives signs of life, by this process's own monotonic clock. */
export class LeaseMembers {
  private readonly seen = new Map<string, Seen>();

  /**
   * @param leaseMs who gives no sign of life for so long may be dead
   * @param self this process, which lives; undefined: it only looks on
   */
  constructor(
    private readonly leaseMs: number,
    private readonly self: string | undefined,
  ) {}

  /** A sign of life: the revision of the member's key, and what it says. @returns whether who lives, or who is able, has changed */
  saw(member: string, state: MemberState, revision: number, nowMs: number): boolean {
    const known = this.seen.get(member);
    if (known && known.revision >= revision) return false;
    // Others may have thought this process dead, and cleared it away.
    if (state === 'left') return member !== this.self && this.left(member);
    const able = state === 'able';
    this.seen.set(member, { revision, sinceMs: nowMs, able, dead: false });
    return known === undefined || known.dead || known.able !== able;
  }

  /** A lease names this holder. If it never gives a sign of life, the time runs from here on. */
  mentioned(member: string, nowMs: number): void {
    if (!this.seen.has(member)) this.seen.set(member, { revision: 0, sinceMs: nowMs, able: false, dead: false });
  }

  /** It ended by its own will. @returns whether who lives has changed */
  left(member: string): boolean {
    const known = this.seen.get(member);
    this.seen.delete(member);
    return known !== undefined && !known.dead;
  }

  /** This process heard of nobody for a while, for a reason of its own: everybody's silence begins anew. */
  renew(nowMs: number): void {
    for (const [member, seen] of this.seen) if (!seen.dead) this.seen.set(member, { ...seen, sinceMs: nowMs });
  }

  /** Members that gave no sign of life for the length of a lease, with the revision that their keys had: who has the same still is dead. */
  silent(nowMs: number): { readonly member: string; readonly revision: number }[] {
    return [...this.seen]
      .filter(([member, { sinceMs, dead }]) => member !== this.self && !dead && nowMs - sinceMs >= this.leaseMs)
      .map(([member, { revision }]) => ({ member, revision }));
  }

  /** The store itself was asked, and there was no newer revision. @returns whether who lives has changed */
  dead(member: string, revision: number): boolean {
    const known = this.seen.get(member);
    if (known === undefined || known.dead || known.revision !== revision) return false;
    known.dead = true;
    return true;
  }

  /** Members that have been dead for so long. */
  longDead(nowMs: number, ms: number): string[] {
    return [...this.seen].filter(([, { dead, sinceMs }]) => dead && nowMs - sinceMs >= ms).map(([member]) => member);
  }

  lives(member: string): boolean {
    return this.seen.get(member)?.dead === false;
  }

  /** Those that live and take heads. */
  able(): string[] {
    return [...this.seen].filter(([, { able, dead }]) => able && !dead).map(([member]) => member);
  }
}
