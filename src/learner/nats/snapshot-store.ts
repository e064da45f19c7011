import { createHash } from 'node:crypto';
import type { ObjectStore } from 'nats';
import { type HeadDefinition, LearnerError } from '../types.js';
import type { NatsLink } from './connection.js';
import { HEADS_BUCKET } from './streams.js';

/** What a snapshot is made of: the weights that serving loads, and the learner's state. */
export type SnapshotPart = 'model' | 'state';

/** The newest objects are kept in memory too, so that the process that learned a version need not load it to serve it. */
const MAX_CACHED_BYTES = 64 << 20;

/**
 * The object store headwater-heads: snapshots under the hash of their bytes, never overwritten. A half-written object has no
 * name yet (the store names it once its last chunk is there), so there is none that could be read.
 */
export class SnapshotStore {
  private readonly cache = new Map<string, Uint8Array>();
  private cachedBytes = 0;

  private constructor(private readonly objects: ObjectStore) {}

  static async open(link: NatsLink): Promise<SnapshotStore> {
    return new SnapshotStore(await link.jetstream().views.os(HEADS_BUCKET));
  }

  /** Stores the bytes and tells their sha256 (hex). */
  async put(head: HeadDefinition, part: SnapshotPart, bytes: Uint8Array): Promise<string> {
    const digest = createHash('sha256').update(bytes).digest('hex');
    const name = objectName(head, part, digest);
    this.remember(name, bytes);
    if ((await this.objects.info(name)) === null) await this.objects.putBlob({ name }, bytes);
    return digest;
  }

  /** @throws LearnerError snapshot_corrupt when the object is missing or its bytes are not those of its name. */
  async get(head: HeadDefinition, part: SnapshotPart, digest: string): Promise<Uint8Array> {
    const name = objectName(head, part, digest);
    const cached = this.cache.get(name);
    if (cached !== undefined) return cached;
    const bytes = await this.read(name);
    if (bytes === null)
      throw new LearnerError('snapshot_corrupt', `the object ${name} is missing from the store ${HEADS_BUCKET}`);
    const found = createHash('sha256').update(bytes).digest('hex');
    if (found !== digest) {
      throw new LearnerError('snapshot_corrupt', `the object ${name} has the digest ${found}: its bytes were damaged`);
    }
    this.remember(name, bytes);
    return bytes;
  }

  /** Reads the object itself, whatever is in memory. @throws LearnerError snapshot_corrupt as `get`. */
  async verify(head: HeadDefinition, part: SnapshotPart, digest: string): Promise<void> {
    this.forget(objectName(head, part, digest));
    await this.get(head, part, digest);
  }

  async remove(head: HeadDefinition, part: SnapshotPart, digest: string): Promise<void> {
    const name = objectName(head, part, digest);
    this.forget(name);
    await this.objects.delete(name);
  }

  private async read(name: string): Promise<Uint8Array | null> {
    try {
      return await this.objects.getBlob(name);
    } catch (error) {
      // The library checks its own digest first.
      if (!/digest|corrupt/i.test((error as Error).message)) throw error;
      throw new LearnerError('snapshot_corrupt', `the object ${name}: ${(error as Error).message}`, { cause: error });
    }
  }

  private remember(name: string, bytes: Uint8Array): void {
    this.forget(name);
    this.cache.set(name, bytes);
    this.cachedBytes += bytes.length;
    for (const oldest of this.cache.keys()) {
      if (this.cachedBytes <= MAX_CACHED_BYTES) break;
      this.forget(oldest);
    }
  }

  private forget(name: string): void {
    this.cachedBytes -= this.cache.get(name)?.length ?? 0;
    this.cache.delete(name);
  }
}

function objectName(head: HeadDefinition, part: SnapshotPart, digest: string): string {
  return `${head.name}/${head.generation}/${part}/${digest}`;
}
