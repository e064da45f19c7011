import { createGunzip, createInflate } from 'node:zlib';
import { status as Status } from '@grpc/grpc-js';

/** What grpc-js takes as the reason that a message could not be decompressed. */
export interface InflateFailure {
  readonly code: Status;
  readonly details: string;
}

/**
 * Decompresses a message that may be a bomb: stops at `limit` bytes, or when `take` says that there is no memory for more.
 * @param take told of each chunk before it is kept
 * @throws InflateFailure
 */
export function inflate(
  compressed: Buffer,
  encoding: 'gzip' | 'deflate',
  limit: number,
  take: (bytes: number) => boolean,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const decompressor = encoding === 'gzip' ? createGunzip() : createInflate();
    const chunks: Buffer[] = [];
    let length = 0;
    const fail = (code: Status, details: string) => {
      decompressor.destroy();
      chunks.length = 0;
      reject({ code, details } satisfies InflateFailure);
    };
    decompressor.on('data', (chunk: Buffer) => {
      if (decompressor.destroyed) return;
      length += chunk.length;
      if (length > limit) {
        fail(Status.RESOURCE_EXHAUSTED, `Received message that decompresses to a size larger than ${limit}`);
      } else if (take(chunk.length)) chunks.push(chunk);
      else fail(Status.RESOURCE_EXHAUSTED, 'no memory to decompress it');
    });
    decompressor.on('error', () => fail(Status.INTERNAL, 'Failed to decompress message'));
    decompressor.on('end', () => resolve(Buffer.concat(chunks, length)));
    decompressor.end(compressed);
  });
}
