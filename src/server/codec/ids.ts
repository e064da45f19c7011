import { v7 as uuidv7 } from 'uuid';
import { MAX_ID_BYTES } from '../../learner/index.js';
import { StatusError } from '../errors.js';

/**
 * The id of a request: what the client gave, or a new UUIDv7 when it gave none.
 * @throws StatusError request_invalid when it is longer than 256 bytes of UTF-8 or has control characters.
 */
export function requestId(given: string): string {
  if (given === '') return uuidv7();
  const bytes = Buffer.byteLength(given);
  if (bytes > MAX_ID_BYTES) {
    throw new StatusError('request_invalid', `id: expected 1 to ${MAX_ID_BYTES} bytes of UTF-8, got ${bytes}`);
  }
  if (/\p{Cc}/u.test(given)) {
    throw new StatusError('request_invalid', 'id: expected no control characters (line breaks, tabs, NUL, ...)');
  }
  return given;
}

/** What a label names: the id itself for one image, `id/0`, `id/1`, ... for several. */
export function imageId(id: string, index: number, count: number): string {
  return count === 1 ? id : `${id}/${index}`;
}
