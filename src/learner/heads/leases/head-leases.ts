import type { LearningObserver } from '../../learning.js';
import type { NatsLink } from '../../nats/connection/connection.js';
import { isUnavailable } from '../../nats/connection/errors.js';
import type { BucketFollower } from '../../nats/stores/bucket-follower.js';
import type { Stored } from '../../nats/stores/head-store.js';
import type { LeaseChange, LeaseStore } from '../../nats/stores/lease-store.js';
import { Limited } from '../../tasks/limited.js';
import type { HeadRegistry } from '../registry/head-registry.js';
import { type HeadLease, nextLeaseStep } from './lease-rules.js';
import { preferredMember } from './rendezvous.js';
import { SignsOfLife } from './signs-of-life.js';

export interface HeadLeasesOptions {
  readonly link: NatsLink;
  readonly store: LeaseStore;
  readonly registry: Pick<HeadRegistry, 'definition' | 'definitions' | 'epoch' | 'onChange'>;
  /** Who this process is among the learners; undefined: it only looks on. */
  readonly self: string | undefined;
  readonly leaseMs: number;
  readonly observer: Pick<LearningObserver, 'log'>;
}

/** What runs under the leases. */
export interface LeaseSink {
  /** The head's lease was taken, or lost: `epoch` tells. */
  follow(head: string): void;
  /** Ends what runs under the head's lease, after a last snapshot. The lease is still held until it resolves. */
  finish(head: string): Promise<void>;
}

/** Changes of leases on their way at the same time. */
const CONCURRENCY = 16;

/**
 * The leases of the heads, as this process sees and takes them. There is one lease a head, which changes only with its holder; that the holders live is
 * told by one key a process (signs-of-life.ts), so a thousand heads cost no more signs of life than one. Whoever takes a lease marks the head's
 * pointer with its epoch before anything else (snapshot-writer.ts): so a holder that was asleep past its time can't write any more, whatever it believes.
 */
export class HeadLeases {
  private readonly leases = new Map<string, Stored<HeadLease>>();
  private readonly revisions = new Map<string, number>();
  /** Epochs of the leases that this process holds. */
  private readonly held = new Map<string, number>();
  /** Held, but this process was silent for so long that others may have taken them. */
  private readonly suspects = new Set<string>();
  /** Held until what runs under them has ended. */
  private readonly handing = new Set<string>();
  private readonly life: SignsOfLife;
  private readonly limited = new Limited(CONCURRENCY);
  /** Of its own: signs of life must not wait until heads are handed over. */
  private readonly confirming = new Limited(CONCURRENCY);
  /** Heads that are being looked at; true: look again. */
  private readonly busy = new Map<string, boolean>();
  private readonly steps = new Set<Promise<void>>();
  /** NATS did not answer: they are looked at again soon. */
  private readonly retry = new Set<string>();
  private sink: LeaseSink | undefined;
  private readonly follower: BucketFollower;
  private offs: (() => void)[] = [];
  private loaded = false;
  private stopped = false;

  constructor(private readonly options: HeadLeasesOptions) {
    this.life = new SignsOfLife({
      ...options,
      onChange: () => this.considerAll(),
      onBeat: (sure) => this.beaten(sure),
    });
    const onLoaded = () => {
      this.loaded = true;
      this.considerAll();
    };
    const onTrouble = (problem: string) => options.observer.log('warn', problem);
    this.follower = options.store.follower((change) => this.take(change), { onLoaded, onTrouble });
  }

  /** Begins to look on, and with a sink to take leases. @throws when NATS does not answer. */
  async start(sink?: LeaseSink): Promise<void> {
    const { link, registry } = this.options;
    this.sink = sink;
    await this.life.start();
    await this.follower.start();
    this.offs = [
      registry.onChange((head) => (head === undefined ? this.considerAll() : this.consider(head))),
      link.onStatus((up) => {
        if (up && !this.stopped) this.life.reconnected();
      }),
    ];
    this.considerAll();
  }

  /** Hands every lease to the others, each after a last snapshot, and leaves. */
  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    for (const off of this.offs) off();
    await Promise.all(this.steps);
    if (this.options.self !== undefined) {
      // From here on the others take what is released, and signs of life go on until all is.
      await this.quietly(() => this.life.leave());
      await Promise.all([...this.held.keys()].map((head) => this.limited.run(() => this.handOver(head))));
    }
    await this.life.stop();
    this.follower.stop();
  }

  /** The epoch of the lease under which this process may teach; undefined: it holds none, or is about to hand it over. */
  epoch(head: string): number | undefined {
    return this.handing.has(head) ? undefined : this.held.get(head);
  }

  /** Whether this process holds the lease, and others must still think so. */
  certain(head: string): boolean {
    return this.held.has(head) && !this.suspects.has(head) && this.life.certain;
  }

  /** Whether the head belongs to this process among the learners that live, whoever teaches it now. */
  isOurs(head: string): boolean {
    const { self } = this.options;
    return self !== undefined && preferredMember(head, this.life.members.able()) === self;
  }

  /** Something was written that only the holder writes: looks whether somebody took the lease. @throws when NATS does not answer. */
  async doubt(head: string): Promise<void> {
    const stored = await this.options.store.lease(head);
    this.take({ kind: 'head', head, stored, revision: stored?.revision ?? 0 });
  }

  taughtBy(head: string): 'here' | 'elsewhere' | 'nobody' {
    if (this.held.has(head)) return 'here';
    const holder = this.leases.get(head)?.value.holder ?? null;
    return holder !== null && holder !== this.options.self && this.life.members.lives(holder) ? 'elsewhere' : 'nobody';
  }

  /** Takes over what the watch, our own question, or our own write tells. */
  private take(change: LeaseChange): void {
    if (change.kind === 'member') this.life.saw(change.member, change.state, change.revision);
    else this.takeLease(change);
  }

  private takeLease({ head, stored, revision }: LeaseChange & { readonly kind: 'head' }): void {
    if ((this.revisions.get(head) ?? 0) >= revision) return;
    this.revisions.set(head, revision);
    if (stored) this.leases.set(head, stored);
    else this.leases.delete(head);
    if (stored?.value.holder) this.life.members.mentioned(stored.value.holder, performance.now());
    const epoch = this.held.get(head);
    const isOurs = stored?.value.holder === this.options.self && stored?.value.epoch === epoch;
    if (epoch !== undefined && !isOurs) this.drop(head);
    this.consider(head);
  }

  /** The lease is not ours any more. */
  private drop(head: string): void {
    this.held.delete(head);
    this.suspects.delete(head);
    this.sink?.follow(head);
  }

  private considerAll(): void {
    for (const { name } of this.options.registry.definitions()) this.consider(name);
    for (const head of this.held.keys()) this.consider(head);
  }

  /** Looks at one head's lease, and again if something changes meanwhile. */
  private consider(head: string): void {
    if (this.sink === undefined || this.stopped || !this.loaded || !this.options.link.connected) return;
    if (this.busy.has(head)) {
      this.busy.set(head, true);
      return;
    }
    if (this.nextStep(head) === undefined) return;
    this.busy.set(head, false);
    const step = this.limited
      .run(() => this.step(head))
      .finally(() => {
        this.steps.delete(step);
        const again = this.busy.get(head);
        this.busy.delete(head);
        if (again) this.consider(head);
      });
    this.steps.add(step);
  }

  private nextStep(head: string): 'take' | 'hand_over' | 'release' | undefined {
    const { registry, self } = this.options;
    if (self === undefined) return undefined;
    const held = this.held.has(head);
    if (registry.definition(head) === undefined) return held ? 'hand_over' : undefined;
    const { members } = this.life;
    const lease = this.leases.get(head)?.value;
    const preferred = preferredMember(head, members.able());
    const step = nextLeaseStep({ self, lease, held, preferred, lives: (member) => members.lives(member) });
    return step === 'keep' || step === 'leave' ? undefined : step;
  }

  private async step(head: string): Promise<void> {
    if (this.stopped) return;
    const step = this.nextStep(head);
    try {
      if (step === 'take') await this.acquire(head);
      else if (step === 'hand_over') await this.handOver(head);
      else if (step === 'release') await this.write(head, null, this.leases.get(head)?.value.epoch ?? 0);
    } catch (error) {
      this.retry.add(head);
      // While NATS is away the connection says so.
      if (isUnavailable(error) || !this.options.link.connected) return;
      this.options.observer.log('warn', `head '${head}': its lease can't be changed: ${(error as Error).message}`);
    }
  }

  private async acquire(head: string): Promise<void> {
    const { self, registry } = this.options;
    const before = this.leases.get(head);
    const epoch = Math.max(before?.value.epoch ?? 0, registry.epoch(head)) + 1;
    const revision = await this.write(head, self as string, epoch);
    if (revision === undefined || this.leases.get(head)?.revision !== revision) return;
    this.held.set(head, epoch);
    this.sink?.follow(head);
  }

  private async handOver(head: string): Promise<void> {
    this.handing.add(head);
    await this.sink?.finish(head);
    this.handing.delete(head);
    const epoch = this.held.get(head);
    this.drop(head);
    if (epoch !== undefined && this.options.link.connected) await this.quietly(() => this.write(head, null, epoch));
  }

  /** @returns the new revision; undefined when somebody else wrote first: then what they wrote is known now */
  private async write(head: string, holder: string | null, epoch: number): Promise<number | undefined> {
    const { store } = this.options;
    const value = { holder, epoch };
    const revision = await store.compareAndSet(head, value, this.leases.get(head)?.revision);
    if (revision === undefined) await this.doubt(head);
    else this.take({ kind: 'head', head, stored: { value, revision }, revision });
    return revision;
  }

  private async beaten(sure: boolean): Promise<void> {
    const again = [...this.retry];
    this.retry.clear();
    for (const head of again) this.consider(head);
    await this.confirm(sure ? [...this.suspects] : [...this.held.keys()]);
  }

  /** Each lease is written again as it is. Where somebody was faster, it is lost. */
  private async confirm(heads: readonly string[]): Promise<void> {
    for (const head of heads) this.suspects.add(head);
    const confirmOne = async (head: string) => {
      const epoch = this.held.get(head);
      if (epoch === undefined) return;
      const revision = await this.write(head, this.options.self as string, epoch);
      if (revision !== undefined && this.held.get(head) === epoch) this.suspects.delete(head);
    };
    await Promise.all(heads.map((head) => this.confirming.run(() => confirmOne(head))));
  }

  private async quietly(work: () => Promise<unknown>): Promise<void> {
    await work().catch((error: Error) => {
      if (!isUnavailable(error)) this.options.observer.log('warn', `leases: ${error.message}`);
    });
  }
}
