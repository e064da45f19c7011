import type { Dirent } from 'node:fs';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isHidden, isImageName } from './image-path.js';
import type { FoundImage } from './order.js';

/**
 * Finds the images below a folder; their bytes are read when they are asked for. Links are followed, each folder once.
 *
 * @returns The images, and how many files were passed over.
 */
export async function findInFolder(folder: string): Promise<{ found: FoundImage[]; skipped: number }> {
  const found: FoundImage[] = [];
  const visited = new Set<string>();
  let skipped = 0;

  async function visit(directory: string, inside: string): Promise<void> {
    const real = await realpath(directory);
    if (visited.has(real)) return;
    visited.add(real);
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      if (isHidden(entry.name)) continue;
      const path = inside === '' ? entry.name : `${inside}/${entry.name}`;
      const full = join(directory, entry.name);
      const kind = await kindOf(entry, full);
      if (kind === 'folder') await visit(full, path);
      else if (kind === 'file' && isImageName(entry.name)) found.push({ path, read: () => readFile(full) });
      else skipped++;
    }
  }

  await visit(folder, '');
  return { found, skipped };
}

async function kindOf(entry: Dirent, path: string): Promise<'folder' | 'file' | 'other'> {
  if (entry.isDirectory()) return 'folder';
  if (entry.isFile()) return 'file';
  if (!entry.isSymbolicLink()) return 'other';
  const target = await stat(path).catch(() => undefined);
  if (target === undefined) return 'other';
  return target.isDirectory() ? 'folder' : target.isFile() ? 'file' : 'other';
}
