import { loadBackbone } from '../../src/engine/index.js';
import { openLabelledImages } from '../../src/server/data/open.js';
import { createPhotoDecoder } from '../networks/inputs.js';
import type { BenchBackbone, BenchSet } from './catalogue.js';
import { cacheEntry, type Embeddings, OUTPUT, readEmbeddings, writeEmbeddings } from './embedding-cache.js';
import { stratifiedFolds, streamOrder } from './folds.js';

export const FOLDS = 5;
const SEED = 4;
const BATCH = 16;

/** The embeddings of all photos of a set, by the sparse engine; computed once and then read from the cache. */
export async function embeddingsOf(
  set: BenchSet,
  backbone: BenchBackbone,
  threads: number,
  log: (line: string) => void,
): Promise<Embeddings> {
  const entry = cacheEntry(set, backbone);
  const cached = readEmbeddings(entry);
  if (cached !== undefined) return cached;
  const start = performance.now();
  const computed = await compute(set, backbone, threads, log);
  writeEmbeddings(entry, computed);
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  log(`${set.name} on ${backbone.name}: ${computed.samples} photos embedded in ${seconds} s`);
  return computed;
}

async function compute(
  set: BenchSet,
  { name, file, image }: BenchBackbone,
  threads: number,
  log: (line: string) => void,
): Promise<Embeddings> {
  const { images } = await openLabelledImages(set.file);
  const options = { name, model: file, engine: 'sparse', threads, output: OUTPUT, image, isa: 'auto' } as const;
  const backbone = await loadBackbone(options, log);
  const decode = createPhotoDecoder();
  const { dimensions, identity, info } = backbone;
  const values = new Float32Array(images.length * dimensions);
  try {
    for (let first = 0; first < images.length; first += BATCH) {
      const files = await Promise.all(images.slice(first, first + BATCH).map((photo) => photo.read()));
      const data = await decode(files, image);
      const { embeddings } = await backbone.embed([{ kind: 'pixels', count: files.length, data }]);
      values.set(embeddings, first * dimensions);
    }
  } finally {
    await backbone.close();
  }
  const classes = [...new Set(images.map(({ label }) => label))].sort((left, right) =>
    Buffer.compare(Buffer.from(left), Buffer.from(right)),
  );
  const labels = images.map(({ label }) => classes.indexOf(label));
  return {
    ...{ set: set.name, backbone: name, identity, engine: info.engine },
    ...{ samples: images.length, dimensions, classes, labels },
    ids: images.map(({ path }) => path),
    folds: stratifiedFolds(labels, FOLDS, SEED),
    order: streamOrder(images.length, SEED),
    values,
  };
}
