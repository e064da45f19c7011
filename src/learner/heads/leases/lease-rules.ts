/** A head's lease as it is stored. */
export interface HeadLease {
  /** null: nobody teaches the head. */
  readonly holder: string | null;
  /** One more with each holder: the pointer to the newest version names it, so that an older holder can't write any more. */
  readonly epoch: number;
}

export interface LeaseView {
  /** This process. */
  readonly self: string;
  /** undefined: the head never had one. */
  readonly lease: HeadLease | undefined;
  /** Whether this process took the lease, in this life, and nobody took it since. */
  readonly held: boolean;
  /** Whom the head belongs to among those that live. */
  readonly preferred: string | undefined;
  readonly lives: (member: string) => boolean;
}

/**
 * What to do about one head's lease. `take`: it is free, or was our own before a restart, or its holder is dead. `hand_over`: another member should
 * have it. `release`: as that, but nothing runs here that would have to be saved first.
 */
export type LeaseStep = 'take' | 'keep' | 'hand_over' | 'release' | 'leave';

export function nextLeaseStep({ self, lease, held, preferred, lives }: LeaseView): LeaseStep {
  const ours = preferred === self;
  if (held) return ours ? 'keep' : 'hand_over';
  const holder = lease?.holder ?? null;
  if (holder === self) return ours ? 'take' : 'release';
  if (holder !== null && lives(holder)) return 'leave';
  return ours ? 'take' : 'leave';
}

/** How sure a holder is of its leases, by its own monotonic clock. */
export class LeaseCertainty {
  private confirmedMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly leaseMs: number) {}

  /**
   * A sign of life was stored.
   * @param begunMs when it was sent: what others see cannot be older
   * @returns false when the one before it was so long ago that others may have taken the leases meanwhile
   */
  confirmed(begunMs: number): boolean {
    const before = this.confirmedMs;
    this.confirmedMs = begunMs;
    return begunMs - before < this.leaseMs;
  }

  /** Whether others must still think that this process lives. */
  holds(nowMs: number): boolean {
    return nowMs - this.confirmedMs < this.leaseMs;
  }
}
