/** When snapshots are due, and which versions stay. */
export interface SnapshotPolicy {
  /** A version is due after so many samples... */
  readonly everySamples: number;
  /** ... or so long after the last one, if anything was learned since. */
  readonly everyMs: number;
  /** The newest so many versions stay servable... */
  readonly keep: number;
  /** ... and of the older ones, as long as they are not older than this, fewer and fewer: about one for each doubling of the age. */
  readonly keepForMs: number;
  /** The learners' state is stored with a version so long after the last one that was, at least; larger states less often. */
  readonly stateEveryMs: number;
}

/** How far something had come when it was stored. */
interface Stored {
  readonly sequence: number;
  readonly samples: number;
  /** By the monotonic clock. */
  readonly atMs: number;
}

/** Learners' states are stored at this rate on average, over all heads of the process: 4 MB a second. */
const STATE_BYTES_PER_MS = 4_000;
/** A state that could not be taken, because a refit ran, is tried again after this. */
const UNSETTLED_RETRY_MS = 1_000;

/** Gives each head that wants to store its state a time to do so, so that all together keep the rate. */
export class StatePace {
  private freeAtMs = Number.NEGATIVE_INFINITY;

  /** @returns when so many bytes may be stored */
  reserve(bytes: number, nowMs: number): number {
    const atMs = Math.max(nowMs, this.freeAtMs);
    this.freeAtMs = atMs + bytes / STATE_BYTES_PER_MS;
    return atMs;
  }

  /** More (or fewer) were stored than reserved. */
  correct(bytes: number): void {
    this.freeAtMs += bytes / STATE_BYTES_PER_MS;
  }
}

/** When one head's versions and states are due. Pure but for the pace, which heads share. */
export class SnapshotSchedule {
  private version: Stored = { sequence: 0, samples: 0, atMs: 0 };
  private state: Omit<Stored, 'samples'> = { sequence: 0, atMs: 0 };
  private stateBytes = 0;
  /** When the state may be stored; undefined: not reserved. */
  private slotMs: number | undefined;
  private forced = false;

  constructor(
    private readonly policy: Pick<SnapshotPolicy, 'everySamples' | 'everyMs' | 'stateEveryMs'>,
    private readonly pace: StatePace,
  ) {}

  /** A fold was opened: so far its versions and its state are stored. @param state `isDue`: a newer one is needed at once */
  opened(
    version: { sequence: number; samples: number },
    state: { sequence: number; isDue: boolean },
    nowMs: number,
  ): void {
    this.version = { ...version, atMs: nowMs };
    this.state = { sequence: state.sequence, atMs: state.isDue ? Number.NEGATIVE_INFINITY : nowMs };
    this.slotMs = undefined;
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

  /** @param folded how far the fold has come */
  due(folded: { sequence: number; samples: number }, nowMs: number): 'nothing' | 'version' | 'state' {
    // It went back to an older state, and is not where the newest version was yet.
    if (folded.sequence < this.version.sequence) return 'nothing';
    if (this.dueStateMs(folded.sequence, nowMs) <= nowMs) return 'state';
    const { everySamples } = this.policy;
    const enough = folded.samples - this.version.samples >= everySamples && folded.sequence > this.version.sequence;
    return enough || this.dueVersionMs(folded.sequence) <= nowMs ? 'version' : 'nothing';
  }

  /** How long until something is due if nothing more is folded; undefined: nothing will be. */
  dueInMs(folded: { sequence: number }, nowMs: number): number | undefined {
    if (folded.sequence < this.version.sequence) return undefined;
    const atMs = Math.min(this.dueVersionMs(folded.sequence), this.dueStateMs(folded.sequence, nowMs));
    return atMs === Number.POSITIVE_INFINITY ? undefined : Math.max(0, atMs - nowMs);
  }

  /** A version was stored. @param stateBytes of the learners' state with it; undefined: without */
  stored(position: { sequence: number; samples: number }, stateBytes: number | undefined, nowMs: number): void {
    this.version = { ...position, atMs: nowMs };
    this.forced = false;
    if (stateBytes === undefined) {
      if (this.slotMs !== undefined && this.slotMs <= nowMs) this.slotMs = nowMs + UNSETTLED_RETRY_MS;
      return;
    }
    this.pace.correct(this.slotMs === undefined ? stateBytes : stateBytes - this.stateBytes);
    this.state = { sequence: position.sequence, atMs: nowMs };
    this.stateBytes = stateBytes;
    this.slotMs = undefined;
  }

  /** It could not be stored: the next attempt comes when the next version would be due. */
  failed(nowMs: number): void {
    this.version = { ...this.version, atMs: nowMs };
    if (this.slotMs !== undefined) this.slotMs = Math.max(this.slotMs, nowMs + this.policy.everyMs);
  }

  private dueVersionMs(sequence: number): number {
    if (this.forced) return Number.NEGATIVE_INFINITY;
    return sequence > this.version.sequence ? this.version.atMs + this.policy.everyMs : Number.POSITIVE_INFINITY;
  }

  private dueStateMs(sequence: number, nowMs: number): number {
    if (sequence <= this.state.sequence) return Number.POSITIVE_INFINITY;
    const earliest = this.state.atMs + this.policy.stateEveryMs;
    if (nowMs < earliest) return earliest;
    this.slotMs ??= this.pace.reserve(this.stateBytes, nowMs);
    return this.slotMs;
  }
}
