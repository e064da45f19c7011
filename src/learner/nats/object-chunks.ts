import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { headers, type JetStreamManager, nuid, type StoredMsg } from 'nats';
import { LearnerError } from '../types.js';
import type { NatsLink } from './connection.js';
import { isNotFound } from './errors.js';
import { storedMessage } from './stored-message.js';

// NATS's object store (architecture decision record ADR-20 of NATS), read and written in pieces. nats.js's own client hashes whole objects in
// JavaScript, in one go: tens of megabytes would hold up every request for longer than a version's swap may.

const CHUNK_BYTES = 128 * 1024;
/** Other writers' chunks may be larger, up to what a message holds. */
const MAX_CHUNK_BYTES = 64 << 20;
const CHUNKS_IN_FLIGHT = 4;
/** Hashed between two turns of the event loop: about 1 ms. */
const HASH_BYTES = 512 * 1024;
const PUBLISH_TIMEOUT_MS = 10_000;

/** What the store keeps of an object beside its chunks. */
interface ObjectMeta {
  readonly name: string;
  readonly nuid: string;
  readonly size: number;
  readonly chunks: number;
  readonly digest: string;
  readonly deleted?: boolean;
  /** Ours: where the chunks begin in the stream. */
  readonly metadata?: { readonly first?: string };
}

/** sha256 of the bytes, in pieces that let other work through. */
export async function sha256(bytes: Uint8Array): Promise<Buffer> {
  const hash = createHash('sha256');
  for (let at = 0; at < bytes.length; at += HASH_BYTES) {
    if (at > 0) await nextTurn();
    hash.update(bytes.subarray(at, at + HASH_BYTES));
  }
  return hash.digest();
}

/** The objects of one bucket: whole, or not there. */
export class ObjectChunks {
  private readonly stream: string;

  constructor(
    private readonly link: NatsLink,
    private readonly bucket: string,
  ) {
    this.stream = `OBJ_${bucket}`;
  }

  /**
   * Stores an object. Nobody sees it before its last byte is stored.
   * @param digest sha256 of the bytes
   * @param replace false: one of that name that is there already stays, and is not looked at
   */
  async put(name: string, bytes: Uint8Array, digest: Buffer, replace: boolean): Promise<void> {
    const before = await this.meta(name);
    if (before && !replace) return;
    const id = nuid.next();
    try {
      const first = await this.publishChunks(this.chunkSubject(id), bytes);
      const meta = {
        bucket: this.bucket,
        name,
        nuid: id,
        size: bytes.length,
        chunks: Math.ceil(bytes.length / CHUNK_BYTES),
        digest: `SHA-256=${digest.toString('base64').replaceAll('+', '-').replaceAll('/', '_')}`,
        mtime: new Date().toISOString(),
        options: { max_chunk_size: CHUNK_BYTES },
        metadata: { first: String(first) },
      } satisfies ObjectMeta & Record<string, unknown>;
      const rollup = headers();
      rollup.set('Nats-Rollup', 'sub');
      await this.publish(this.metaSubject(name), Buffer.from(JSON.stringify(meta)), rollup);
    } catch (error) {
      await this.purge(this.chunkSubject(id)).catch(() => {});
      throw error;
    }
    if (before) await this.purge(this.chunkSubject(before.nuid));
  }

  /**
   * @returns undefined when there is no such object
   * @throws LearnerError snapshot_corrupt when chunks are missing; the bytes' digest is the caller's to check.
   */
  async get(name: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const meta = await this.meta(name);
    if (meta === undefined) return undefined;
    const bytes = await this.readChunks(meta);
    if (bytes !== undefined) return bytes;
    // It may have been stored anew meanwhile.
    const now = await this.meta(name);
    const again = now && now.nuid !== meta.nuid ? await this.readChunks(now) : undefined;
    if (again !== undefined) return again;
    throw new LearnerError('snapshot_corrupt', `the object ${name} is cut short: chunks of it are missing`);
  }

  /** Leaves nothing behind, unlike a deletion by nats.js, which keeps a note for ever. */
  async remove(name: string): Promise<void> {
    const meta = await this.meta(name);
    if (meta === undefined) return;
    await this.purge(this.metaSubject(name));
    await this.purge(this.chunkSubject(meta.nuid));
  }

  /** Names of the objects that begin so. It looks at all there are. */
  async names(prefix: string): Promise<string[]> {
    const manager = await this.link.manager();
    const subjects = `$O.${this.bucket}.M.>`;
    const { state } = await manager.streams.info(this.stream, { subjects_filter: subjects });
    return Object.keys(state.subjects ?? {})
      .map((subject) => Buffer.from(subject.slice(subjects.length - 1), 'base64').toString())
      .filter((name) => name.startsWith(prefix));
  }

  private async publishChunks(subject: string, bytes: Uint8Array): Promise<number> {
    let first = Number.MAX_SAFE_INTEGER;
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES * CHUNKS_IN_FLIGHT) {
      const group = bytes.subarray(at, at + CHUNK_BYTES * CHUNKS_IN_FLIGHT);
      const stored: Promise<number>[] = [];
      for (let i = 0; i < group.length; i += CHUNK_BYTES) {
        stored.push(this.publish(subject, group.subarray(i, i + CHUNK_BYTES)));
      }
      first = Math.min(first, ...(await Promise.all(stored)));
    }
    return first;
  }

  private async readChunks(meta: ObjectMeta): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const { size, chunks, nuid: id, metadata } = meta;
    if (!Number.isSafeInteger(size) || size < 0 || size > chunks * MAX_CHUNK_BYTES) return undefined;
    const bytes = new Uint8Array(size);
    let at = 0;
    let seq = Number(metadata?.first ?? 1);
    for (let chunk = 0; chunk < chunks; chunk++) {
      const message = await this.next(this.chunkSubject(id), seq);
      if (message === undefined || at + message.data.length > size) return undefined;
      bytes.set(message.data, at);
      at += message.data.length;
      seq = message.seq + 1;
    }
    return at === size ? bytes : undefined;
  }

  /** A replica may not have the newest messages yet: what it does not know, the stream's leader is asked for. */
  private async next(subject: string, seq: number): Promise<StoredMsg | undefined> {
    const query = { seq, next_by_subj: subject };
    return (
      (await storedMessage(this.link, this.stream, query)) ??
      this.ask((manager) => manager.streams.getMessage(this.stream, query))
    );
  }

  private async meta(name: string): Promise<ObjectMeta | undefined> {
    const query = { last_by_subj: this.metaSubject(name) };
    const message = await this.ask((manager) => manager.streams.getMessage(this.stream, query));
    if (message === undefined) return undefined;
    try {
      const meta = message.json<ObjectMeta>();
      return meta.deleted ? undefined : meta;
    } catch (error) {
      throw new LearnerError('snapshot_corrupt', `what the store keeps of the object ${name} can't be read`, {
        cause: error,
      });
    }
  }

  private async ask(get: (manager: JetStreamManager) => Promise<StoredMsg>): Promise<StoredMsg | undefined> {
    try {
      return await get(await this.link.manager());
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  private async publish(subject: string, bytes: Uint8Array, withHeaders?: ReturnType<typeof headers>): Promise<number> {
    const options = { timeout: PUBLISH_TIMEOUT_MS, ...(withHeaders ? { headers: withHeaders } : {}) };
    return (await this.link.jetstream().publish(subject, bytes, options)).seq;
  }

  private async purge(filter: string): Promise<void> {
    await (await this.link.manager()).streams.purge(this.stream, { filter });
  }

  private chunkSubject(id: string): string {
    return `$O.${this.bucket}.C.${id}`;
  }

  private metaSubject(name: string): string {
    const encoded = Buffer.from(name).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
    return `$O.${this.bucket}.M.${encoded}`;
  }
}
