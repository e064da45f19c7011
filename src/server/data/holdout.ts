import { DataError, type LabelledImage } from './labelled-image.js';
import { compareBytes } from './order.js';

/** Which images are kept back to be predicted at the end: a fraction of each class, the folders val and test, or none. */
export type Holdout =
  | { readonly kind: 'none' }
  | { readonly kind: 'fraction'; readonly fraction: number }
  | { readonly kind: 'split' };

export interface DividedImages {
  readonly fed: readonly LabelledImage[];
  readonly heldOut: readonly LabelledImage[];
}

/**
 * Divides images into those that are fed and those that are held out. A fraction F holds out the last round(F n) of the n
 * images of each class, by byte order of their file names.
 *
 * @throws DataError when `split` is asked for and there is neither val nor test.
 */
export function divide(images: readonly LabelledImage[], holdout: Holdout): DividedImages {
  if (holdout.kind === 'none') return { fed: images, heldOut: [] };
  const held = holdout.kind === 'split' ? inHeldSplit(images) : lastOfEachClass(images, holdout.fraction);
  return { fed: images.filter((image) => !held.has(image)), heldOut: images.filter((image) => held.has(image)) };
}

function inHeldSplit(images: readonly LabelledImage[]): Set<LabelledImage> {
  const held = new Set(images.filter(({ split }) => split === 'val' || split === 'test'));
  if (held.size === 0) throw new DataError('--holdout split: the data has no folder val or test; use --holdout 0.2');
  return held;
}

function lastOfEachClass(images: readonly LabelledImage[], fraction: number): Set<LabelledImage> {
  const classes = new Map<string, LabelledImage[]>();
  for (const image of images) {
    const members = classes.get(image.label);
    if (members === undefined) classes.set(image.label, [image]);
    else members.push(image);
  }
  const held = new Set<LabelledImage>();
  for (const members of classes.values()) {
    members.sort((left, right) => compareBytes(fileName(left), fileName(right)) || compareBytes(left.path, right.path));
    const count = Math.round(fraction * members.length);
    for (const image of members.slice(members.length - count)) held.add(image);
  }
  return held;
}

function fileName(image: LabelledImage): string {
  return image.path.slice(image.path.lastIndexOf('/') + 1);
}
