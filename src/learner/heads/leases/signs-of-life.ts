import type { LearningObserver } from '../../learning.js';
import type { NatsLink } from '../../nats/connection/connection.js';
import { isUnavailable } from '../../nats/connection/errors.js';
import type { LeaseStore, MemberState } from '../../nats/stores/lease-store.js';
import { LeaseMembers } from './lease-members.js';
import { LeaseCertainty } from './lease-rules.js';

export interface SignsOfLifeOptions {
  readonly link: NatsLink;
  readonly store: LeaseStore;
  /** Who this process is among the learners; undefined: it only looks on. */
  readonly self: string | undefined;
  readonly leaseMs: number;
  readonly observer: Pick<LearningObserver, 'log'>;
  /** Who lives, or who takes heads, has changed. */
  onChange(): void;
  /** @param sure false: this process was silent for so long that others may have taken its leases. Called with every sign of life. */
  onBeat(sure: boolean): Promise<void>;
}

/** Signs of life in a lease's time, so that one or two may be late. */
const BEATS = 3;
/** Keys of members that have been dead for so many leases' time are cleared away. */
const CLEAR_AFTER_LEASES = 10;

/** This process's signs of life among the learners, and what it knows of those of the others. One key a process, however many heads it teaches. */
export class SignsOfLife {
  readonly members: LeaseMembers;
  private readonly certainty: LeaseCertainty;
  private timer: NodeJS.Timeout | undefined;
  private round: Promise<void> | undefined;
  private state: 'able' | 'leaving' = 'able';

  constructor(private readonly options: SignsOfLifeOptions) {
    this.members = new LeaseMembers(options.leaseMs, options.self);
    this.certainty = new LeaseCertainty(options.leaseMs);
  }

  /** @throws when NATS does not answer. */
  async start(): Promise<void> {
    await this.beat();
    this.timer = setInterval(() => this.tick(), this.options.leaseMs / BEATS);
    this.timer.unref();
  }

  /** Takes no heads any more; signs of life go on until `stop`. @throws when NATS does not answer. */
  leave(): Promise<void> {
    this.state = 'leaving';
    return this.beat();
  }

  async stop(): Promise<void> {
    const { self, store, link } = this.options;
    clearInterval(this.timer);
    await this.round;
    if (self === undefined || !link.connected) return;
    // Who cannot say so is found dead a little later.
    await store.leave(self).catch(() => {});
  }

  /** Whether others must still think that this process lives. */
  get certain(): boolean {
    return this.certainty.holds(performance.now());
  }

  /** What the watch tells of a member. */
  saw(member: string, state: MemberState, revision: number): void {
    if (this.members.saw(member, state, revision, performance.now())) this.options.onChange();
  }

  /** NATS is back: others may have been as silent as this process was deaf. */
  reconnected(): void {
    this.members.renew(performance.now());
    this.tick();
  }

  private tick(): void {
    const { link, observer } = this.options;
    if (!link.connected) return;
    this.round ??= this.turn()
      .catch((error: Error) => {
        if (!isUnavailable(error)) observer.log('warn', `leases: ${error.message}`);
      })
      .finally(() => {
        this.round = undefined;
      });
  }

  private async turn(): Promise<void> {
    await this.beat();
    for (const { member, revision } of this.members.silent(performance.now())) await this.ask(member, revision);
    const { store, leaseMs, self } = this.options;
    if (self === undefined || this.state === 'leaving') return;
    for (const member of this.members.longDead(performance.now(), CLEAR_AFTER_LEASES * leaseMs)) {
      await store.leave(member);
      this.members.left(member);
    }
  }

  private async beat(): Promise<void> {
    const { self, store, onBeat } = this.options;
    if (self === undefined) return;
    const begunMs = performance.now();
    const revision = await store.beat(self, this.state);
    const sure = this.certainty.confirmed(begunMs);
    // Asleep, or NATS was away.
    if (!sure) this.members.renew(performance.now());
    this.saw(self, this.state, revision);
    await onBeat(sure);
  }

  /** A member was not heard of: the store knows whether it gave a sign of life that the watch has not told. */
  private async ask(member: string, revision: number): Promise<void> {
    const last = await this.options.store.lastBeat(member);
    if (last !== undefined && last > revision) {
      this.members.saw(member, 'able', last, performance.now());
      return;
    }
    if (this.members.dead(member, revision)) this.options.onChange();
  }
}
