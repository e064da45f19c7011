import { parseImagePath } from './image-path.js';
import type { LabelledImage, Split } from './labelled-image.js';

/** An image that was found, before its class and its place in the order are known. */
export interface FoundImage {
  readonly path: string;
  read(): Promise<Buffer>;
}

const SPLIT_RANK: Readonly<Record<Split, number>> = { train: 0, val: 1, test: 2 };

/** Compares by the bytes of the UTF-8 text: the same order on every machine and locale. */
export function compareBytes(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}

/**
 * Labels what was found and brings it into byte order of the paths. Where two images of a class share a file name, the
 * first (train before val before test, then byte order) keeps it and the others go by their whole path, so that no two
 * images get one id.
 *
 * @param root Class of images that lie in no folder.
 * @throws DataError when a name can't be used.
 */
export function labelImages(
  found: readonly FoundImage[],
  root: string | undefined,
): { images: LabelledImage[]; withoutFolder: number } {
  const labelled: LabelledImage[] = [];
  let withoutFolder = 0;
  for (const { path, read } of found) {
    const parsed = parseImagePath(path, root);
    if (parsed === undefined) withoutFolder++;
    else labelled.push({ label: parsed.label, file: parsed.fileName, path, split: parsed.split, read });
  }
  labelled.sort((left, right) => compareBytes(left.path, right.path));
  return { images: distinctFiles(labelled), withoutFolder };
}

function distinctFiles(images: readonly LabelledImage[]): LabelledImage[] {
  const taken = new Map<string, LabelledImage>();
  const rank = (image: LabelledImage) => (image.split === undefined ? 0 : SPLIT_RANK[image.split]);
  for (const image of images) {
    const key = `${image.label}\0${image.file}`;
    const first = taken.get(key);
    if (first === undefined || rank(image) < rank(first)) taken.set(key, image);
  }
  return images.map((image) =>
    taken.get(`${image.label}\0${image.file}`) === image ? image : { ...image, file: image.path },
  );
}
