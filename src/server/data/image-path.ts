import { escapeForTerminal } from '../terminal/escape.js';
import { DataError, type Split } from './labelled-image.js';

/** What a path inside the data says about an image. */
export interface ImagePath {
  readonly label: string;
  readonly fileName: string;
  readonly split: Split | undefined;
}

const EXTENSIONS = /\.(jpe?g|png|webp)$/i;
const CLASS_NAME_LIMIT = 128;

/** Whether any part of the path is hidden (`.DS_Store`, `._photo.jpg`, `.git/`). */
export function isHidden(path: string): boolean {
  return path.split('/').some((part) => part.startsWith('.') && part !== '.' && part !== '..');
}

/** Whether the file name says that it is an image that the server decodes: JPEG, PNG or WebP. */
export function isImageName(path: string): boolean {
  return EXTENSIONS.test(path);
}

/**
 * Reads class and split off a path.
 *
 * @param path Path inside the data, with slashes.
 * @param root Class of images that lie in no folder; undefined where there is none.
 * @returns undefined when the image lies in no folder and `root` is undefined.
 * @throws DataError when the class name can't be one.
 */
export function parseImagePath(path: string, root: string | undefined): ImagePath | undefined {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  const fileName = parts.pop() ?? '';
  const folder = parts.pop() ?? root;
  if (folder === undefined || fileName === '') return undefined;
  const split = parts.findLast((part): part is Split => part === 'train' || part === 'val' || part === 'test');
  return { label: checkedClassName(folder, path), fileName: checkedFileName(fileName, path), split };
}

function checkedClassName(folder: string, path: string): string {
  const label = folder.normalize('NFC');
  const where = `the class of ${escapeForTerminal(path)}`;
  if (hasControlCharacters(label))
    throw new DataError(`${where} has a control character in its name; rename the folder`);
  if ([...label].length > CLASS_NAME_LIMIT) {
    throw new DataError(`${where} has a name of more than ${CLASS_NAME_LIMIT} characters; rename the folder`);
  }
  return label;
}

function checkedFileName(fileName: string, path: string): string {
  if (hasControlCharacters(fileName)) {
    throw new DataError(
      `${escapeForTerminal(path)} has a control character in its name, which no id may have; rename it`,
    );
  }
  return fileName;
}

function hasControlCharacters(text: string): boolean {
  return /\p{Cc}/u.test(text);
}
