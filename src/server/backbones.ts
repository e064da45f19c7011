// Loads the configured backbones and puts a batcher in front of each.
import type { Backbone, BackboneOptions, EngineLog } from '../engine/index.js';
import type { HeadRequest, ImageEmbedder } from '../learner/index.js';
import { Batcher } from './batching/batcher.js';
import type { BackboneConfig, Config, HeadConfig } from './config/index.js';
import type { DecodeImages } from './images/decode.js';

export type LoadBackbone = (options: BackboneOptions, log: EngineLog) => Promise<Backbone>;

/**
 * Batchers by the name of their backbone.
 *
 * @param signal ends loading
 * @throws EngineError when one can't be loaded, the signal's reason when it ended loading; those that were loaded are closed
 */
export async function loadBackbones(
  config: Config,
  loadBackbone: LoadBackbone,
  log: EngineLog,
  onBatch: (backbone: string, images: number) => void,
  signal?: AbortSignal,
): Promise<Map<string, Batcher>> {
  const batchers = new Map<string, Batcher>();
  try {
    // One after the other: loading is memory-bound, and errors come in the order of the file.
    for (const entry of config.backbones) {
      const { batch, ...options } = entry;
      const backbone = await loadBackbone({ ...options, isa: config.engine.isa, signal }, log);
      batchers.set(entry.name, new Batcher(backbone, batcherOptions(config, entry, onBatch)));
      signal?.throwIfAborted();
    }
  } catch (error) {
    for (const { backbone } of batchers.values()) await backbone.close();
    throw error;
  }
  return batchers;
}

function batcherOptions(
  { batch, server }: Config,
  entry: BackboneConfig,
  onBatch: (backbone: string, images: number) => void,
): ConstructorParameters<typeof Batcher>[1] {
  return {
    size: entry.batch.size ?? batch.size,
    waitMs: entry.batch.wait ?? batch.wait,
    queueLimit: server.queueLimit,
    queueBytes: server.queueBytes,
    clientShare: server.clientShare,
    learningShare: batch.learningShare,
    onBatch: (images) => onBatch(entry.name, images),
  };
}

/**
 * How an image becomes an embedding, as a JSON object: what somebody needs, beside the model file, to use an exported head elsewhere. Before these
 * settings the EXIF rotation is applied and transparency is laid over white (see decode.ts).
 */
export function embeddingSettings({ image, info }: Backbone): string {
  const { size, resize, channels, scale, mean, std } = image;
  const { output } = info;
  const steps = {
    filter: 'antialiased bilinear',
    crop: 'centre',
    values: '(byte / scale - mean) / std',
    layout: 'NCHW',
  };
  return JSON.stringify({ output, resize, size, channels, scale, mean, std, ...steps });
}

/** What embeds image labels: they stand in the same queue as requests. */
export function imageEmbedder(batcher: Batcher, decode: DecodeImages): ImageEmbedder {
  const { backbone } = batcher;
  return {
    backbone: backbone.name,
    backboneIdentity: backbone.identity,
    embed: async (image) => {
      const permit = batcher.admit({ images: 1, bytes: image.byteLength, client: 'labels', priority: 'learning' });
      try {
        // An image that can't be decoded fails with the code undecodable_image, as the learner expects.
        const data = await decode([image], backbone.image);
        return (await permit.submit({ kind: 'pixels', count: 1, data })).embeddings;
      } finally {
        permit.release();
      }
    },
  };
}

/** The configured heads, on the backbones that were loaded. */
export function declaredHeads(heads: readonly HeadConfig[], batchers: ReadonlyMap<string, Batcher>): HeadRequest[] {
  return heads.flatMap(({ backbone: name, ...head }) => {
    const backbone = batchers.get(name)?.backbone;
    if (backbone === undefined) return [];
    const { identity, dimensions } = backbone;
    return [{ ...head, backbone: name, backboneIdentity: identity, dimensions }];
  });
}
