import type { Placement, Reservoir } from './reservoir.js';

/** Samples replayed with each new one: this many of all members, and this many of those that no installed fit has seen. */
const OF_ALL = 2;
const OF_FRESH = 2;

/** Draws the members of a reservoir that are shown again. */
export class Replays {
  /** Slots of members that the installed fit has not seen, oldest first. */
  private readonly fresh: number[] = [];
  private freshSince: number;

  /** @param since Members born after so many samples are fresh. */
  constructor(
    private readonly reservoir: Reservoir,
    since: number,
  ) {
    this.freshSince = since;
    this.rebuild();
  }

  get since(): number {
    return this.freshSince;
  }

  /** A fit was installed that has seen the first so many samples. */
  startAt(since: number): void {
    this.freshSince = since;
    this.rebuild();
  }

  /** Slots to show; each is drawn by itself, so one may come twice. */
  draw(): number[] {
    const { fresh, reservoir } = this;
    const slots: number[] = [];
    if (reservoir.size > 0) for (let i = 0; i < OF_ALL; i++) slots.push(reservoir.draw(reservoir.size));
    if (fresh.length > 0) for (let i = 0; i < OF_FRESH; i++) slots.push(fresh[reservoir.draw(fresh.length)]!);
    return slots;
  }

  /** A sample was taken, or not. */
  placed({ slot, replaced }: Placement): void {
    if (slot === undefined) return;
    const before = replaced ? this.fresh.indexOf(slot) : -1;
    if (before >= 0) this.fresh.splice(before, 1);
    this.fresh.push(slot);
  }

  /** To be called when slots have changed. */
  rebuild(): void {
    const { reservoir, fresh } = this;
    fresh.length = 0;
    for (let slot = 0; slot < reservoir.size; slot++) if (reservoir.birth(slot) > this.freshSince) fresh.push(slot);
    fresh.sort((a, b) => reservoir.birth(a) - reservoir.birth(b));
  }
}
