import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { findInArchive } from './archive.js';
import { findInFolder } from './folder.js';
import { DataError, type LabelledImages } from './labelled-image.js';
import { labelImages } from './order.js';

/**
 * Opens labelled images: a folder (files are read when asked for), a .tar or a .tar.gz (kept in memory).
 *
 * @throws DataError when there is nothing at the path, or nothing in it that can be used.
 */
export async function openLabelledImages(path: string): Promise<LabelledImages> {
  const kind = await stat(path).catch(() => undefined);
  if (kind === undefined) throw new DataError(`no folder or archive at ${path}; give a folder, a .tar or a .tar.gz`);
  const name = dataName(path);
  const { found, skipped } = kind.isDirectory() ? await findInFolder(path) : await findInArchive(path);
  const { images, withoutFolder } = labelImages(found, kind.isDirectory() ? basename(resolve(path)) : undefined);
  if (images.length === 0) {
    throw new DataError(
      `no labelled images in ${path}: each must be a .jpg, .jpeg, .png or .webp in a folder named as its class`,
    );
  }
  return { name, images, skipped: skipped + withoutFolder };
}

/** Base name of a folder or archive without `.tar`, `.tar.gz`, `.tgz`. */
export function dataName(path: string): string {
  return basename(resolve(path)).replace(/\.(tar|tar\.gz|tgz)$/i, '');
}
