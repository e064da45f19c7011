// A process of its own for passes, so that several run side by side. Driven by messages of bench-learn.ts.

import type { CacheEntry, Embeddings } from './embedding-cache.js';
import { readEmbeddings } from './embedding-cache.js';
import { runPass, type Split } from './pass.js';

export interface PassMessage {
  readonly entry: CacheEntry;
  readonly split: Split;
}

/** The last ones read: passes over the same embeddings come one after the other. */
let known: { file: string; embeddings: Embeddings } | undefined;

function embeddingsOf(entry: CacheEntry): Embeddings {
  if (known?.file === entry.values) return known.embeddings;
  const embeddings = readEmbeddings(entry);
  if (embeddings === undefined) throw new Error(`${entry.info} is gone`);
  known = { file: entry.values, embeddings };
  return embeddings;
}

process.on('message', ({ entry, split }: PassMessage) => {
  try {
    process.send?.(runPass(embeddingsOf(entry), split));
  } catch (error) {
    process.send?.({ error: (error as Error).message });
  }
});
process.on('disconnect', () => process.exit(0));
