// Loads the configured backbones and puts a batcher in front of each.
import type { Backbone, BackboneOptions, EngineLog } from '../engine/index.js';
import type { HeadRequest, ImageEmbedder } from '../learner/index.js';
import { Batcher } from './batching/batcher.js';
import { Counters } from './batching/counts.js';
import type { BackboneConfig, Config, HeadConfig } from './config/index.js';
import { StatusError } from './errors.js';
import type { DecodeImages } from './images/decode.js';
import { BackboneRegistry } from './repository/backbone-registry.js';

/** A label that waits longer is tried again later: before NATS gives it to another process as if this one had died (60 s). */
const LABEL_WAIT_MS = 30_000;

export type LoadBackbone = (options: BackboneOptions, log: EngineLog) => Promise<Backbone>;

/**
 * The configured backbones, each with its batcher.
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
): Promise<BackboneRegistry> {
  const told = (backbone: string, images: number, computeMs: number) => {
    onBatch(backbone, images);
    registry.statistics.batch(backbone, images, computeMs);
  };
  const counts = new Map<string, Counters>();
  const registry: BackboneRegistry = new BackboneRegistry({
    open: ({ batch, ...options }, model, ended) =>
      loadBackbone({ ...options, model, isa: config.engine.isa, signal: ended }, log),
    front: (backbone, entry) => {
      // The one that takes another's place counts on.
      const counters = counts.get(entry.name) ?? new Counters();
      counts.set(entry.name, counters);
      return new Batcher(backbone, { ...batcherOptions(config, entry, told), counters });
    },
    batching: ({ batch }) => ({ batchSize: batch.size ?? config.batch.size, waitMs: batch.wait ?? config.batch.wait }),
    log,
  });
  try {
    // One after the other: loading is memory-bound, and errors come in the order of the file.
    for (const entry of config.backbones) await registry.start(entry, signal);
  } catch (error) {
    await registry.close();
    throw error;
  }
  return registry;
}

function batcherOptions(
  { batch, server }: Config,
  entry: BackboneConfig,
  onBatch: (backbone: string, images: number, computeMs: number) => void,
): ConstructorParameters<typeof Batcher>[1] {
  return {
    size: entry.batch.size ?? batch.size,
    waitMs: entry.batch.wait ?? batch.wait,
    queueLimit: server.queueLimit,
    queueBytes: server.queueBytes,
    clientShare: server.clientShare,
    learningShare: batch.learningShare,
    onBatch: (images, computeMs) => onBatch(entry.name, images, computeMs),
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

/** What embeds image labels: they stand in the same queue as requests, of the backbone that is loaded at the time. */
export function imageEmbedder(
  name: string,
  batchers: ReadonlyMap<string, Batcher>,
  decode: DecodeImages,
): ImageEmbedder {
  return {
    backbone: name,
    embed: async (image) => {
      const batcher = batchers.get(name);
      // The label waits until it is loaded again.
      if (batcher === undefined) throw new StatusError('model_unloaded', `backbone "${name}" is not in service here`);
      const { backbone } = batcher;
      // What is refused (queue_full, deadline_exceeded, draining) is tried again by the learner; no label is lost.
      const whose = { client: 'labels', priority: 'learning', deadlineMs: Date.now() + LABEL_WAIT_MS } as const;
      const permit = batcher.admit({ images: 1, bytes: image.byteLength, ...whose });
      try {
        // An image that can't be decoded fails with the code undecodable_image, as the learner expects.
        const data = await decode([image], backbone.image, whose);
        const { embeddings } = await permit.submit({ kind: 'pixels', count: 1, data });
        return { embedding: embeddings, backboneIdentity: backbone.identity };
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
