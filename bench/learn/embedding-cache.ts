// What the backbones made of the photos, on disk: raw little-endian FP32 [samples, dimensions] in one file and all else as JSON in
// another, which baseline.py reads too.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { endianness } from 'node:os';
import { basename, join } from 'node:path';
import { packageFolder } from '../shared-folder.js';
import type { BenchBackbone, BenchSet } from './catalogue.js';

/** Changes whenever the files or the folds mean something else. */
const FORMAT = 'headwater bench-learn 1';
/** The name of the tensor that is the embedding. */
export const OUTPUT = 'features';

export interface EmbeddingsInfo {
  readonly set: string;
  readonly backbone: string;
  /** Of the backbone, as the engine says it. */
  readonly identity: string;
  /** Which engine made them. */
  readonly engine: string;
  readonly samples: number;
  readonly dimensions: number;
  /** By byte order of their names. */
  readonly classes: readonly string[];
  /** [samples] Index of each sample's class. */
  readonly labels: readonly number[];
  /** [samples] Path of each photo inside its set. */
  readonly ids: readonly string[];
  /** [samples] The fold that tests it, 0 to 4. */
  readonly folds: readonly number[];
  /** [samples] The order in which the samples come. */
  readonly order: readonly number[];
}

export interface Embeddings extends EmbeddingsInfo {
  /** [samples, dimensions] */
  readonly values: Float32Array;
}

/** The files of one set on one backbone: their name holds a digest of all that the embeddings follow from. */
export interface CacheEntry {
  readonly values: string;
  readonly info: string;
  /** What baseline.py found for the folds. */
  readonly baseline: string;
  /** What it found for the split by file. */
  readonly splitBaseline: string;
}

export function cacheFolder(): string {
  return join(packageFolder(), '.cache', 'bench-learn');
}

export function cacheEntry(set: BenchSet, backbone: BenchBackbone): CacheEntry {
  const key = createHash('sha256')
    .update(
      JSON.stringify([
        FORMAT,
        packageVersion(),
        fileDigest(set.file),
        fileDigest(backbone.file),
        OUTPUT,
        backbone.image,
      ]),
    )
    .digest('hex')
    .slice(0, 16);
  const base = join(cacheFolder(), `${set.name}-${backbone.name}-${key}`);
  return {
    ...{ values: `${base}.f32`, info: `${base}.json` },
    ...{ baseline: `${base}-baseline.json`, splitBaseline: `${base}-split-baseline.json` },
  };
}

/** @returns undefined where they were never computed. */
export function readEmbeddings(entry: CacheEntry): Embeddings | undefined {
  if (!existsSync(entry.info)) return undefined;
  const info = JSON.parse(readFileSync(entry.info, 'utf8')) as EmbeddingsInfo;
  const bytes = readFileSync(entry.values);
  if (bytes.length !== info.samples * info.dimensions * 4) {
    throw new Error(
      `${entry.values} is damaged: delete ${basename(entry.info)} beside it, and they are computed again`,
    );
  }
  const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  return { ...info, values };
}

/** The JSON file comes last and by renaming: where it is, the other one is whole. */
export function writeEmbeddings(entry: CacheEntry, { values, ...info }: Embeddings): void {
  if (endianness() !== 'LE') throw new Error('the cache is little-endian, and this machine is not');
  mkdirSync(cacheFolder(), { recursive: true });
  writeFileSync(entry.values, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  writeFileSync(`${entry.info}.part`, JSON.stringify(info));
  renameSync(`${entry.info}.part`, entry.info);
}

const digests = new Map<string, string>();

function fileDigest(file: string): string {
  const known = digests.get(file);
  if (known !== undefined) return known;
  const digest = createHash('sha256').update(readFileSync(file)).digest('hex');
  digests.set(file, digest);
  return digest;
}

function packageVersion(): string {
  return (JSON.parse(readFileSync(join(packageFolder(), 'package.json'), 'utf8')) as { version: string }).version;
}
