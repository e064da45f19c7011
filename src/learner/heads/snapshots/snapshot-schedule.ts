import type { SnapshotPolicy } from '../../options.js';

/** How far something had come when it was stored. */
interface Stored {
  readonly sequence: number;
  readonly samples: number;
  /** By the monotonic clock. */
  readonly atMs: number;
}

/** Learners' states are stored at this rate on average, over all heads of the process: 4 MB a second. */
const STATE_BYTES_PER_MS = 4_000;
/** Versions of all heads of the process: 40 a second. Each is some ten messages, and who serves loads it. */
const VERSIONS_PER_MS = 0.04;
/** A state that could not be taken, because a refit ran, is tried again after this. */
const UNSETTLED_RETRY_MS = 1_000;

/** Gives each head that wants to store something a time to do so, so that all together keep a rate. */
export class Pace {
  private freeAtMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly perMs: number) {}

  /** @returns when so much may be stored */
  reserve(amount: number, nowMs: number): number {
    const atMs = Math.max(nowMs, this.freeAtMs);
    this.freeAtMs = atMs + amount / this.perMs;
    return atMs;
  }

  /** More (or less) was stored than reserved. */
  correct(amount: number): void {
    this.freeAtMs += amount / this.perMs;
  }
}

/** What the heads of a process share. */
export class SnapshotPaces {
  readonly versions = new Pace(VERSIONS_PER_MS);
  readonly states = new Pace(STATE_BYTES_PER_MS);
}

/** How far a fold has come. */
export interface FoldProgress {
  readonly sequence: number;
  readonly samples: number;
  /** About what the learners' state takes. */
  readonly stateBytes: number;
}

/** When one head's versions and states are due. Pure but for the paces, which heads share. */
export class SnapshotSchedule {
  private version: Stored = { sequence: 0, samples: 0, atMs: 0 };
  private state: Omit<Stored, 'samples'> = { sequence: 0, atMs: 0 };
  /** When the next version, and the next state, may be stored; undefined: nothing is reserved. */
  private versionSlotMs: number | undefined;
  private stateSlot: { readonly atMs: number; readonly bytes: number } | undefined;
  private forced = false;

  constructor(
    private readonly policy: Pick<SnapshotPolicy, 'everySamples' | 'everyMs' | 'stateEveryMs'>,
    private readonly paces: SnapshotPaces,
  ) {}

  /** A fold was opened: so far its versions and its state are stored. @param state `isDue`: a newer one is needed at once */
  opened(
    version: { sequence: number; samples: number },
    state: { sequence: number; isDue: boolean },
    nowMs: number,
  ): void {
    this.version = { ...version, atMs: nowMs };
    this.state = { sequence: state.sequence, atMs: state.isDue ? Number.NEGATIVE_INFINITY : nowMs };
    this.versionSlotMs = undefined;
    this.stateSlot = undefined;
    this.forced = false;
  }

  /** A version is due at once. */
  force(): void {
    this.forced = true;
  }

  get versionSequence(): number {
    return this.version.sequence;
  }

  get stateSequence(): number {
    return this.state.sequence;
  }

  due(folded: FoldProgress, nowMs: number): 'nothing' | 'version' | 'state' {
    // It went back to an older state, and is not where the newest version was yet.
    if (folded.sequence < this.version.sequence) return 'nothing';
    if (this.dueStateMs(folded, nowMs) <= nowMs) return 'state';
    return this.dueVersionMs(folded, nowMs) <= nowMs ? 'version' : 'nothing';
  }

  /** How long until something is due if nothing more is folded; undefined: nothing will be. */
  dueInMs(folded: FoldProgress, nowMs: number): number | undefined {
    if (folded.sequence < this.version.sequence) return undefined;
    const atMs = Math.min(this.dueVersionMs(folded, nowMs), this.dueStateMs(folded, nowMs));
    return atMs === Number.POSITIVE_INFINITY ? undefined : Math.max(0, atMs - nowMs);
  }

  /** A version was stored. @param stateBytes of the learners' state with it; undefined: without */
  stored(position: { sequence: number; samples: number }, stateBytes: number | undefined, nowMs: number): void {
    this.version = { ...position, atMs: nowMs };
    this.versionSlotMs = undefined;
    this.forced = false;
    const slot = this.stateSlot;
    if (stateBytes !== undefined) {
      this.paces.states.correct(stateBytes - (slot?.bytes ?? 0));
      this.state = { sequence: position.sequence, atMs: nowMs };
      this.stateSlot = undefined;
    } else if (slot && slot.atMs <= nowMs) {
      this.stateSlot = { ...slot, atMs: nowMs + UNSETTLED_RETRY_MS };
    }
  }

  /** It could not be stored: the next attempt comes when the next version would be due. */
  failed(nowMs: number): void {
    this.version = { ...this.version, atMs: nowMs };
    this.versionSlotMs = undefined;
    const slot = this.stateSlot;
    if (slot) this.stateSlot = { ...slot, atMs: Math.max(slot.atMs, nowMs + this.policy.everyMs) };
  }

  private dueVersionMs({ sequence, samples }: FoldProgress, nowMs: number): number {
    if (this.forced) return Number.NEGATIVE_INFINITY;
    if (sequence <= this.version.sequence) return Number.POSITIVE_INFINITY;
    const { everySamples, everyMs } = this.policy;
    const earliest = this.version.atMs + everyMs;
    if (samples - this.version.samples < everySamples && nowMs < earliest) return earliest;
    this.versionSlotMs ??= this.paces.versions.reserve(1, nowMs);
    return this.versionSlotMs;
  }

  private dueStateMs({ sequence, stateBytes: bytes }: FoldProgress, nowMs: number): number {
    if (sequence <= this.state.sequence) return Number.POSITIVE_INFINITY;
    const earliest = this.state.atMs + this.policy.stateEveryMs;
    if (nowMs < earliest) return earliest;
    this.stateSlot ??= { atMs: this.paces.states.reserve(bytes, nowMs), bytes };
    return this.stateSlot.atMs;
  }
}
