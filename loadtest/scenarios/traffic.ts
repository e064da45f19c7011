import type { Arrivals, LoadStep } from '../generator/schedule.js';
import type { Traffic } from '../generator/traffic.js';
import type { Given } from './scenario.js';

/** One kind of small requests (an image each): `load` is in fractions of the capacity. */
export function requests(
  given: Given,
  arrivals: Arrivals,
  steps: readonly { readonly seconds: number; readonly load: number }[],
  more: Partial<Traffic> = {},
): Traffic {
  const images = more.images ?? 1;
  return {
    name: 'requests',
    arrivals,
    steps: steps.map(
      ({ seconds, load }): LoadStep => ({ seconds: seconds * given.scale, rate: (load * given.capacity) / images }),
    ),
    seed: given.seed,
    input: given.input,
    images,
    models: given.heads,
    ...more,
  };
}

/** A deadline of so many images' time, but not less than a quarter of a second. */
export function deadlineOf({ capacity }: Given, images: number): number {
  return Math.max(250, (1000 * images) / capacity);
}
