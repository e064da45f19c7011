import { LearnerError } from '../types.js';
import { embeddingFromBytes, embeddingToBytes } from './embedding-bytes.js';
import { storageType, toNumber } from './storage-schema.js';

/** What was answered for one id, kept until its label comes or it expires. */
export interface ServedRecord {
  readonly id: string;
  /** 0: the head had learned nothing yet. */
  readonly version: number;
  /** Class name as answered; empty when version is 0. */
  readonly predicted: string;
  readonly embedding: Float32Array;
  readonly backboneIdentity: string;
  /** Unix time. */
  readonly servedAtMs: number;
}

export function encodeServedRecord(record: ServedRecord): Uint8Array {
  return storageType('ServedRecord')
    .encode({ ...record, embedding: embeddingToBytes(record.embedding) } as object)
    .finish();
}

/**
 * The embedding may be a view on `bytes`.
 * @throws LearnerError invalid_argument when the bytes are no served record.
 */
export function decodeServedRecord(bytes: Uint8Array): ServedRecord {
  try {
    const raw = storageType('ServedRecord').decode(bytes) as unknown as Omit<ServedRecord, 'version' | 'embedding'> & {
      version: unknown;
      embedding: Uint8Array | readonly never[];
    };
    return {
      id: raw.id,
      version: toNumber(raw.version),
      predicted: raw.predicted,
      embedding: embeddingFromBytes(raw.embedding instanceof Uint8Array ? raw.embedding : new Uint8Array(0)),
      backboneIdentity: raw.backboneIdentity,
      servedAtMs: raw.servedAtMs,
    };
  } catch (error) {
    throw new LearnerError('invalid_argument', `bytes that are no served record: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
