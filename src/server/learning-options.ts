import type { LearningObserver, LearningOptions } from '../learner/index.js';
import { declaredHeads, imageEmbedder } from './backbones.js';
import type { Batcher } from './batching/batcher.js';
import type { Config } from './config/index.js';
import type { DecodeImages } from './images/decode.js';

/** What the learner's side is started with: the configuration in its words, and what only the serving side has. */
export function learningOptions(
  config: Config,
  batchers: ReadonlyMap<string, Batcher>,
  decode: DecodeImages,
  observer: LearningObserver,
): LearningOptions {
  const { labels, learn, snapshots, training } = config;
  return {
    dataDir: config.dataDir,
    roles: config.roles,
    nats: config.nats,
    labels: { windowMs: labels.window, graceMs: labels.grace, record: labels.record, dedupeMs: labels.dedupe },
    learn: { memoryBytes: learn.memory, leaseMs: learn.lease },
    training: { keepSamples: training.keepSamples, keepMs: training.keepFor },
    snapshots: {
      everySamples: snapshots.everySamples,
      everyMs: snapshots.interval,
      keep: snapshots.keep,
      keepForMs: snapshots.keepFor,
      stateEveryMs: snapshots.stateEvery,
    },
    embedders: [...batchers.keys()].map((name) => imageEmbedder(name, batchers, decode)),
    heads: declaredHeads(config.heads, batchers),
    observer,
  };
}
