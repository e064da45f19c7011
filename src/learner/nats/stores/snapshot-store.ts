import { type HeadDefinition, type HeadGeneration, LearnerError } from '../../types.js';
import type { NatsLink } from '../connection/connection.js';
import { HEADS_BUCKET } from '../streams/streams.js';
import { ObjectChunks, sha256 } from './object-chunks.js';

const PARTS = ['model', 'state', 'classes'] as const;
/** What a snapshot is made of: the weights that serving loads, the learners' state, the statistics of many classes. */
export type SnapshotPart = (typeof PARTS)[number];

export interface SnapshotObject {
  readonly head: string;
  readonly generation: number;
  readonly part: SnapshotPart;
  readonly digest: string;
}

/** The newest weights are kept in memory too, so that the process that learned a version need not load it to serve it. */
const MAX_CACHED_BYTES = 64 << 20;
/** Names of objects that were found damaged, until they are stored anew. */
const MAX_DAMAGED = 1_000;

/**
 * The object store headwater-heads: snapshots under the hash of their bytes, never overwritten unless they were found damaged. A
 * half-written object has no name yet (the store names it once its last chunk is there), so there is none that could be read.
 */
export class SnapshotStore {
  private readonly cache = new Map<string, Uint8Array>();
  private cachedBytes = 0;
  private readonly damaged = new Set<string>();

  private constructor(private readonly objects: ObjectChunks) {}

  static async open(link: NatsLink): Promise<SnapshotStore> {
    return new SnapshotStore(new ObjectChunks(link, HEADS_BUCKET));
  }

  /**
   * Stores the bytes and tells their sha256 (hex).
   * @param anew also when there is an object of that name already: its bytes are known to be damaged
   */
  async put(head: HeadDefinition, part: SnapshotPart, bytes: Uint8Array, anew = false): Promise<string> {
    const hash = await sha256(bytes);
    const digest = hash.toString('hex');
    const name = objectName(head, part, digest);
    const replace = anew || this.damaged.has(name);
    await this.objects.put(name, bytes, hash, replace);
    this.damaged.delete(name);
    if (part === 'model') this.remember(name, bytes);
    return digest;
  }

  /** @throws LearnerError snapshot_corrupt when the object is missing or its bytes are not those of its name. */
  async get(head: HeadDefinition, part: SnapshotPart, digest: string): Promise<Uint8Array> {
    const name = objectName(head, part, digest);
    const cached = this.cache.get(name);
    if (cached !== undefined) return cached;
    const bytes = await this.checked(name, digest);
    if (part === 'model') this.remember(name, bytes);
    return bytes;
  }

  /** Reads the object from the store itself, whatever is in memory. @throws as `get`. */
  async verify(head: HeadDefinition, part: SnapshotPart, digest: string): Promise<void> {
    await this.checked(objectName(head, part, digest), digest);
  }

  async remove(head: HeadDefinition, part: SnapshotPart, digest: string): Promise<void> {
    const name = objectName(head, part, digest);
    this.forget(name);
    this.damaged.delete(name);
    await this.objects.remove(name);
  }

  /** Removes all objects of a head's generation. */
  async removeAll(head: HeadGeneration): Promise<void> {
    for (const name of await this.objects.names(ownerPrefix(head))) {
      this.forget(name);
      await this.objects.remove(name);
    }
  }

  /** All objects of all heads. */
  async list(): Promise<SnapshotObject[]> {
    return (await this.objects.names()).map(parseName).filter((object) => object !== undefined);
  }

  /** When an object was stored (Unix time); undefined: there is none. */
  storedAtMs(head: HeadGeneration, part: SnapshotPart, digest: string): Promise<number | undefined> {
    return this.objects.storedAtMs(objectName(head, part, digest));
  }

  /** Removes what is left of objects that were never finished. @returns how many */
  removeUnfinished(beforeMs: number): Promise<number> {
    return this.objects.removeUnfinished(beforeMs);
  }

  private async checked(name: string, digest: string): Promise<Uint8Array> {
    try {
      return await this.read(name, digest);
    } catch (error) {
      if (error instanceof LearnerError && error.code === 'snapshot_corrupt') this.markDamaged(name);
      throw error;
    }
  }

  private async read(name: string, digest: string): Promise<Uint8Array> {
    const bytes = await this.objects.get(name);
    if (bytes === undefined) {
      throw new LearnerError('snapshot_corrupt', `the object ${name} is missing from the store ${HEADS_BUCKET}`);
    }
    const found = (await sha256(bytes)).toString('hex');
    if (found === digest) return bytes;
    throw new LearnerError('snapshot_corrupt', `the object ${name} has the digest ${found}: its bytes were damaged`);
  }

  private markDamaged(name: string): void {
    if (this.damaged.size < MAX_DAMAGED) this.damaged.add(name);
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

function ownerPrefix({ name, generation }: HeadGeneration): string {
  return `${name}/${generation}/`;
}

function objectName(head: HeadGeneration, part: SnapshotPart, digest: string): string {
  return `${ownerPrefix(head)}${part}/${digest}`;
}

function parseName(name: string): SnapshotObject | undefined {
  const [head = '', generation = '', part = '', digest = '', ...rest] = name.split('/');
  if (rest.length > 0 || digest === '' || !isPart(part)) return undefined;
  return { head, generation: Number(generation), part, digest };
}

function isPart(text: string): text is SnapshotPart {
  return (PARTS as readonly string[]).includes(text);
}
