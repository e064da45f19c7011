import type { DividedImages } from '../../data/holdout.js';
import type { LabelledImage } from '../../data/labelled-image.js';
import { shuffled } from '../../data/random.js';
import { drawImage, drawnClasses } from './draw.js';

/** Drawings held out, of each class. */
const HELD_OUT_PER_CLASS = 20;

/**
 * Drawn images, in an order that follows from the seed; each is drawn when it is read. Those held out are drawings that
 * are never fed.
 *
 * @param count Images to feed; classes take turns, so each has as many, give or take one.
 */
export function drawnImages(count: number, seed: number): DividedImages {
  const image = (index: number): LabelledImage => {
    const label = drawnClasses[index % drawnClasses.length] as string;
    const number = Math.floor(index / drawnClasses.length);
    const file = `${String(number).padStart(5, '0')}.jpg`;
    return { label, file, path: `${label}/${file}`, split: undefined, read: () => drawImage(label, number, seed) };
  };
  const heldOut = HELD_OUT_PER_CLASS * drawnClasses.length;
  // A whole round of classes starts where those held out do.
  const first = Math.ceil(count / drawnClasses.length) * drawnClasses.length;
  return {
    fed: shuffled(
      Array.from({ length: count }, (_, index) => image(index)),
      seed,
    ),
    heldOut: Array.from({ length: heldOut }, (_, index) => image(first + index)),
  };
}
