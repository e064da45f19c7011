import { escapeForTerminal } from '../terminal/escape.js';
import { DataError, type LabelledImage } from './labelled-image.js';

const ID_LIMIT = 256;

/**
 * The id under which an image is fed: `<run>:<class>:<file>`. Feeding the same data again gives the same ids, which the
 * server counts once.
 *
 * @throws DataError when it is longer than the 256 bytes that an id may have.
 */
export function imageId(run: string, image: LabelledImage): string {
  const id = `${run}:${image.label}:${image.file}`;
  const bytes = Buffer.byteLength(id);
  if (bytes > ID_LIMIT) {
    throw new DataError(
      `the id of ${escapeForTerminal(image.path)} would be ${bytes} bytes long, and ${ID_LIMIT} is the most; ` +
        'shorten the file name or give a shorter --run',
    );
  }
  return id;
}
