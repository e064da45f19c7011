import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { isHidden, isImageName } from './image-path.js';
import { DataError } from './labelled-image.js';
import type { FoundImage } from './order.js';

/** Bytes of images that are kept in memory at most. */
export const ARCHIVE_LIMIT = 2 ** 30;

/**
 * Reads the images of a .tar or .tar.gz (told apart by their first bytes) into memory.
 *
 * @param limit Bytes of images kept at most.
 * @throws DataError when it is no archive, is cut off, or holds more than the limit.
 */
export async function findInArchive(
  archive: string,
  limit: number = ARCHIVE_LIMIT,
): Promise<{ found: FoundImage[]; skipped: number }> {
  const found: FoundImage[] = [];
  let skipped = 0;
  let bytes = 0;
  const entries = extract();
  entries.on('entry', (header, stream, next) => {
    stream.on('error', next);
    stream.on('end', next);
    if (header.type === 'directory' || isHidden(header.name)) return stream.resume();
    if (header.type !== 'file' || !isImageName(header.name)) {
      skipped++;
      return stream.resume();
    }
    bytes += header.size ?? 0;
    if (bytes > limit) return entries.destroy(tooLarge(archive, limit));
    const chunks: Buffer[] = [];
    stream.on('data', (chunk) => chunks.push(chunk as Buffer));
    stream.on('end', () => {
      const image = Buffer.concat(chunks);
      found.push({ path: header.name, read: () => Promise.resolve(image) });
    });
    return undefined;
  });
  try {
    const file = createReadStream(archive);
    if (await isGzip(archive)) await pipeline(file, createGunzip(), entries);
    else await pipeline(file, entries);
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${archive} can't be read as .tar or .tar.gz: ${(error as Error).message}`, { cause: error });
  }
  return { found, skipped };
}

function tooLarge(archive: string, limit: number): DataError {
  const size = limit >= 2 ** 20 ? `${Math.round(limit / 2 ** 20)} MiB` : `${limit} bytes`;
  return new DataError(
    `${archive} holds more than ${size} of images, and archives are kept in memory; ` +
      'unpack it and give the folder, whose files are read one by one',
  );
}

async function isGzip(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await file.close();
  }
}
