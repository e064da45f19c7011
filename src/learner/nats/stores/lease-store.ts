import type { KV, KvEntry } from 'nats';
import { z } from 'zod';
import type { NatsLink } from '../connection/connection.js';
import { JETSTREAM_ERROR, jetStreamCode } from '../connection/errors.js';
import { LEASES_BUCKET } from '../streams/streams.js';
import { BucketFollower, type BucketListener } from './bucket-follower.js';
import type { Stored } from './head-store.js';

/** `head.<name>`: who teaches the head. */
const leaseSchema = z.object({ holder: z.string().nullable(), epoch: z.number().int().nonnegative() });

/** `member.<holder>` */
const memberSchema = z.object({ state: z.enum(['able', 'leaving']) });

/** What a member's key says: `leaving` keeps the heads it has until it has saved them, and takes no others; `left`: the key is deleted. */
export type MemberState = 'able' | 'leaving' | 'left';

const LEASES_STREAM = `KV_${LEASES_BUCKET}`;
/** Notes of members that left are removed after a day. */
const NOTE_MS = 86_400_000;

export type StoredLease = z.infer<typeof leaseSchema>;

/** Something changed: `stored` is undefined once the key is deleted. */
export type LeaseChange =
  | {
      readonly kind: 'head';
      readonly head: string;
      readonly stored: Stored<StoredLease> | undefined;
      readonly revision: number;
    }
  /** Each revision is a sign of life of the member. */
  | { readonly kind: 'member'; readonly member: string; readonly state: MemberState; readonly revision: number };

/**
 * The key-value bucket headwater-leases: who teaches which head (`head.<name>`), and the signs of life of the learner processes
 * (`member.<holder>`).
 */
export class LeaseStore {
  private constructor(
    private readonly kv: KV,
    private readonly link: NatsLink,
  ) {}

  static async open(link: NatsLink): Promise<LeaseStore> {
    return new LeaseStore(
      await link.jetstream().views.kv(LEASES_BUCKET, { bindOnly: true, allow_direct: false }),
      link,
    );
  }

  async lease(head: string): Promise<Stored<StoredLease> | undefined> {
    const entry = await this.kv.get(headKey(head));
    return entry === null ? undefined : parse(entry);
  }

  /**
   * Writes if the lease still is at `revision` (undefined: if there is none).
   * @returns the new revision; undefined when somebody else wrote first
   */
  async compareAndSet(head: string, lease: StoredLease, revision: number | undefined): Promise<number | undefined> {
    const bytes = JSON.stringify(lease);
    try {
      return revision === undefined
        ? await this.kv.create(headKey(head), bytes)
        : await this.kv.update(headKey(head), bytes, revision);
    } catch (error) {
      if (jetStreamCode(error) === JETSTREAM_ERROR.wrongLastSequence) return undefined;
      throw error;
    }
  }

  /** A sign of life. @returns its revision */
  beat(member: string, state: 'able' | 'leaving'): Promise<number> {
    return this.kv.put(memberKey(member), JSON.stringify({ state }));
  }

  /** Revision of a member's last sign of life; undefined when it left. */
  async lastBeat(member: string): Promise<number | undefined> {
    const entry = await this.kv.get(memberKey(member));
    return entry?.operation === 'PUT' ? entry.revision : undefined;
  }

  /**
   * The member takes no heads any more. Its key is deleted and not purged: in nats-server 2.9.10 a purge moves whoever watches, and is behind, past
   * what others have written.
   */
  async leave(member: string): Promise<void> {
    await this.kv.delete(memberKey(member));
  }

  /** Tells every key there is, then every change, once it is started. */
  follower(onChange: (change: LeaseChange) => void, { onLoaded, onTrouble }: BucketListener): BucketFollower {
    const onEntry = (entry: KvEntry) => {
      const change = toChange(entry);
      if (change) onChange(change);
      if (change?.kind === 'member' && change.state === 'left') this.clear(entry);
    };
    return new BucketFollower({ link: this.link, kv: this.kv, bucket: LEASES_BUCKET, onEntry, onLoaded, onTrouble });
  }

  /** A deletion leaves a note, which everybody has heard of after a while. */
  private clear({ created, revision }: KvEntry): void {
    if (Date.now() - created.getTime() < NOTE_MS) return;
    const cleared = this.link.manager().then(({ streams }) => streams.deleteMessage(LEASES_STREAM, revision, false));
    // Others do so, too; and who starts next does it otherwise.
    cleared.catch(() => {});
  }
}

function toChange(entry: KvEntry): LeaseChange | undefined {
  const dot = entry.key.indexOf('.');
  const name = entry.key.slice(dot + 1);
  const { revision } = entry;
  if (entry.key.startsWith('head.')) return { kind: 'head', head: name, stored: parse(entry), revision };
  if (entry.key.startsWith('member.')) {
    return { kind: 'member', member: name, state: memberState(entry), revision };
  }
  return undefined;
}

/** What is no lease counts as none, but has a revision: it can be taken, by one. */
function parse(entry: KvEntry): Stored<StoredLease> | undefined {
  if (entry.operation !== 'PUT') return undefined;
  try {
    return { value: leaseSchema.parse(entry.json()), revision: entry.revision };
  } catch {
    return { value: { holder: null, epoch: 0 }, revision: entry.revision };
  }
}

function memberState(entry: KvEntry): MemberState {
  if (entry.operation !== 'PUT') return 'left';
  try {
    return memberSchema.parse(entry.json()).state;
  } catch {
    // Not ours to judge: it lives, and takes nothing.
    return 'leaving';
  }
}

function headKey(head: string): string {
  return `head.${head}`;
}

function memberKey(member: string): string {
  return `member.${member}`;
}
