import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { headers, type JetStreamManager, nuid, type StoredMsg } from 'nats';
import { messageKey } from '../../names.js';
import { LearnerError } from '../../types.js';
import type { NatsLink } from '../connection/connection.js';
import { isNotFound } from '../connection/errors.js';
import { storedMessage } from '../streams/stored-message.js';

// NATS's object store (architecture decision record ADR-20 of NATS), read and written in pieces. nats.js's own client hashes whole objects in
// JavaScript, in one go: tens of megabytes would hold up every request for longer than a version's swap may.

const CHUNK_BYTES = 64 * 1024;
/** Other writers' chunks may be larger, up to what a message holds. */
const MAX_CHUNK_BYTES = 64 << 20;
const CHUNKS_IN_FLIGHT = 2;
/** Hashed between two turns of the event loop: a request takes some ten turns, and each such piece holds one up. */
const HASH_BYTES = 64 << 10;
const PUBLISH_TIMEOUT_MS = 10_000;

/** Our chunks' ids: the key of their object's name, and a random part. */
const OWN_ID = /^([\w-]{22})-\w{22}$/;

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
    const id = `${messageKey(name)}-${nuid.next()}`;
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
    // Without an answer it may be stored or not: the chunks stay, and go with `removeUnfinished` if it is not.
    await this.publish(this.metaSubject(name), Buffer.from(JSON.stringify(meta)), rollup);
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
  async names(prefix = ''): Promise<string[]> {
    const encoded = await this.lastTokens('M');
    return encoded.map((text) => Buffer.from(text, 'base64').toString()).filter((name) => name.startsWith(prefix));
  }

  /** When the object was stored (Unix time); undefined: there is none. */
  async storedAtMs(name: string): Promise<number | undefined> {
    return (await this.last(this.metaSubject(name)))?.time.getTime();
  }

  /**
   * Removes chunks whose object was never finished, since its writer died or was never answered.
   * @param beforeMs only those that were stored before this (Unix time): a younger one may still be written
   * @returns how many such objects there were
   */
  async removeUnfinished(beforeMs: number): Promise<number> {
    const names = new Map((await this.names()).map((name) => [messageKey(name), name]));
    const byKey = new Map<string, string[]>();
    for (const id of await this.lastTokens('C')) {
      const key = id.match(OWN_ID)?.[1];
      // Those of other writers have no such key, and are left alone.
      if (key !== undefined) byKey.set(key, [...(byKey.get(key) ?? []), id]);
    }
    let removed = 0;
    for (const [key, ids] of byKey) {
      const name = names.get(key);
      // One object, one set of chunks: nothing to look at.
      if (name !== undefined && ids.length === 1) continue;
      const current = name === undefined ? undefined : (await this.meta(name))?.nuid;
      for (const id of ids) {
        const storedAtMs = (await this.last(this.chunkSubject(id)))?.time.getTime() ?? Number.POSITIVE_INFINITY;
        if (id === current || storedAtMs >= beforeMs) continue;
        await this.purge(this.chunkSubject(id));
        removed += 1;
      }
    }
    return removed;
  }

  /** What the subjects under `$O.<bucket>.<kind>.` end in. */
  private async lastTokens(kind: 'C' | 'M'): Promise<string[]> {
    const prefix = `$O.${this.bucket}.${kind}.`;
    const manager = await this.link.manager();
    const { state } = await manager.streams.info(this.stream, { subjects_filter: `${prefix}>` });
    return Object.keys(state.subjects ?? {}).map((subject) => subject.slice(prefix.length));
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

  private last(subject: string): Promise<StoredMsg | undefined> {
    return this.ask((manager) => manager.streams.getMessage(this.stream, { last_by_subj: subject }));
  }

  private async meta(name: string): Promise<ObjectMeta | undefined> {
    const message = await this.last(this.metaSubject(name));
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
