// Who may bring how much: pure bookkeeping of what the queue holds. What it refuses is refused before any work is done.

export type Priority = 'inference' | 'learning';
export const PRIORITIES: readonly Priority[] = ['inference', 'learning'];

export interface AdmissionLimits {
  /** Images held (being decoded or in line), at most. */
  readonly images: number;
  /** Bytes that they take, at most. */
  readonly bytes: number;
  /** Part of the queue that one client may hold, 0 to 1, when it is alone. */
  readonly clientShare: number;
  /** Part of the queue that inference leaves to learning, 0 to 1. */
  readonly learningShare: number;
  /** Images a batch: as much every client may hold while there is room. */
  readonly batchSize: number;
}

export interface Ask {
  readonly images: number;
  readonly bytes: number;
  readonly client: string;
  readonly priority: Priority;
}

/** Why there is no place: the queue is full of images or of bytes, or of what this client has in it already. */
export interface Refusal {
  readonly reason: 'images' | 'bytes' | 'client';
  /** What is held and what may be, for the message. */
  readonly text: string;
  /** Images that have to leave before there is room. */
  readonly excess: number;
}

interface Held {
  images: number;
  bytes: number;
}

/**
 * The bounds of one queue. Of images and of bytes alike:
 *
 * - All together stay within the limit. Learning leaves half of it to inference; inference leaves `learningShare` (half at
 *   most) to learning: neither can lock the other out.
 * - A client holds at most `clientShare` of what inference may hold, and less when others wait: not more than `a` times what is
 *   free, with a = clientShare / (1 - clientShare) (dynamic thresholds: Choudhury, Hahne, "Dynamic queue length thresholds for
 *   shared-memory packet switches", IEEE/ACM ToN 6(2), 1998). So room for who comes next is left whoever is there. The images
 *   of one batch, and one request when it holds nothing, a client may bring as long as they fit: it is never kept from progress.
 *
 * Clients are remembered while they hold something.
 */
export class Admission {
  private readonly caps: Readonly<Record<Priority, Held>>;
  private readonly held: Readonly<Record<Priority, Held>> = {
    inference: { images: 0, bytes: 0 },
    learning: { images: 0, bytes: 0 },
  };
  private readonly holders = new Map<string, Held>();

  constructor(private readonly limits: AdmissionLimits) {
    const { images, bytes, learningShare } = limits;
    this.caps = {
      inference: {
        images: images - guaranteed(images, learningShare),
        bytes: bytes - guaranteed(bytes, learningShare),
      },
      learning: { images: Math.ceil(images / 2), bytes: Math.ceil(bytes / 2) },
    };
  }

  get images(): number {
    return this.held.inference.images + this.held.learning.images;
  }

  get bytes(): number {
    return this.held.inference.bytes + this.held.learning.bytes;
  }

  /** Clients that hold something. */
  get clients(): number {
    return this.holders.size;
  }

  imagesOf(priority: Priority): number {
    return this.held[priority].images;
  }

  imagesHeldBy(client: string): number {
    return this.holders.get(client)?.images ?? 0;
  }

  /** Images of the largest inference request that is ever admitted. */
  get largestRequest(): number {
    return this.mostOf('images');
  }

  /** Why these are refused however empty the queue is; undefined: they are not. */
  tooLarge(ask: Ask): string | undefined {
    for (const unit of ['images', 'bytes'] as const) {
      const most = ask.priority === 'learning' ? this.caps.learning[unit] : this.mostOf(unit);
      if (ask[unit] <= most) continue;
      const key = unit === 'images' ? 'server.queueLimit' : 'server.queueBytes';
      return `${ask[unit]} ${unit} in one request, at most ${most} are taken (${key}, server.clientShare)`;
    }
    return undefined;
  }

  /** Why there is no room for these; undefined: there is. Changes nothing. */
  refusal(ask: Ask): Refusal | undefined {
    return this.refusalOf('images', ask) ?? this.refusalOf('bytes', ask);
  }

  take({ images, bytes, client, priority }: Ask): void {
    this.held[priority].images += images;
    this.held[priority].bytes += bytes;
    if (priority === 'learning') return;
    const holder = this.holders.get(client);
    if (holder === undefined) this.holders.set(client, { images, bytes });
    else {
      holder.images += images;
      holder.bytes += bytes;
    }
  }

  /** What was taken leaves, whole or in parts. */
  give({ images, bytes, client, priority }: Ask): void {
    this.held[priority].images -= images;
    this.held[priority].bytes -= bytes;
    if (priority === 'learning') return;
    const holder = this.holders.get(client)!;
    holder.images -= images;
    holder.bytes -= bytes;
    if (holder.images === 0) this.holders.delete(client);
  }

  private refusalOf(unit: 'images' | 'bytes', ask: Ask): Refusal | undefined {
    const { priority } = ask;
    const wanted = ask[unit];
    const free = Math.min(this.limits[unit] - this[unit], this.caps[priority][unit] - this.held[priority][unit]);
    const perUnit = ask.images / Math.max(1, wanted);
    if (wanted > free) {
      const held = `${this[unit]} ${unit} wait (${this.held[priority][unit]} of ${priority})`;
      const most = `${this.limits[unit]} (${this.caps[priority][unit]} of ${priority})`;
      const key = unit === 'images' ? 'server.queueLimit' : 'server.queueBytes';
      const text = `${held}, ${wanted} more exceed the limit of ${most}: ${key}`;
      return { reason: unit, text, excess: Math.ceil((wanted - free) * perUnit) };
    }
    if (priority === 'learning') return undefined;
    const own = this.holders.get(ask.client)?.[unit] ?? 0;
    const most = own === 0 ? this.mostOf(unit) : this.threshold(unit, free - wanted, ask);
    if (own + wanted <= most) return undefined;
    const text = `${own} ${unit} of this client wait, ${wanted} more exceed the ${Math.floor(most)} that one client may have now: server.clientShare`;
    return { reason: 'client', text, excess: Math.max(1, Math.ceil((own + wanted - most) * perUnit)) };
  }

  /** What one client may ever hold. */
  private mostOf(unit: 'images' | 'bytes'): number {
    const cap = this.caps.inference[unit];
    const share = Math.floor(cap * this.limits.clientShare);
    return unit === 'images' ? Math.max(share, Math.min(cap, this.limits.batchSize)) : share;
  }

  /** What a client that holds something may hold while `free` is left. */
  private threshold(unit: 'images' | 'bytes', free: number, { images, bytes }: Ask): number {
    const { batchSize, clientShare } = this.limits;
    if (clientShare >= 1) return this.caps.inference[unit];
    const dynamic = (clientShare / (1 - clientShare)) * free;
    const batch = unit === 'images' ? batchSize : (batchSize * bytes) / images;
    return Math.min(this.mostOf(unit), Math.max(batch, dynamic));
  }
}

/** How much of `limit` inference leaves to learning. */
function guaranteed(limit: number, share: number): number {
  if (share === 0 || limit < 4 || limit === Number.POSITIVE_INFINITY) return 0;
  return Math.max(1, Math.floor(limit * Math.min(0.5, share)));
}
