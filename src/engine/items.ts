// What every engine checks of the images that it is given and the embeddings that it gives.
import type { Images } from './backbone.js';

/** Calls of one backbone that may wait. The server's batcher keeps two in flight; this is the bound when a caller has none. */
export const mostCallsWaiting = 256;

/** As `Images`, whatever kind of memory the values lie in. */
type Item = Pick<Images, 'kind' | 'count'> & { readonly data: { readonly length: number } };

/** What is wrong with `items`, or undefined when every one holds as many values as its count says. */
export function findItemProblem(items: readonly Item[], size: number): string | undefined {
  if (items.length === 0) return 'no images were given';
  for (const [position, { kind, count, data }] of items.entries()) {
    const expected = count * 3 * size * size;
    if (!Number.isInteger(count) || count < 1) return `item ${position} has the count ${count}; it must be at least 1`;
    if (data.length !== expected) {
      return `item ${position} (${kind}, ${count} images of ${size} x ${size}) needs ${expected} values, but has ${data.length}`;
    }
  }
  return undefined;
}

/** Names the first embedding that holds NaN or infinity; undefined when all are finite. */
export function findNotFinite(embeddings: Float32Array, count: number): string | undefined {
  const bad = embeddings.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return undefined;
  const dimensions = embeddings.length / count;
  return (
    `the embedding of image ${Math.floor(bad / dimensions)} of ${count} holds ${embeddings[bad]} at ${bad % dimensions}; ` +
    'check the input for NaN and huge values, and image.scale, mean and std'
  );
}
