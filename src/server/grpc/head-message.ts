import type { Head } from '../../../protos/index.js';
import type { HeadProgress, HeadStatus } from '../../learner/index.js';

/**
 * A head as headwater.v1 tells it.
 * @param progress undefined: NATS was not asked, and log_sequence and labels_waiting are as of the newest snapshot
 */
export function headMessage(
  status: HeadStatus,
  progress: HeadProgress | undefined,
  labelResults: Readonly<Partial<Record<string, number>>>,
): Head {
  const { definition, statistics } = status;
  const { train } = definition.learner;
  return {
    name: definition.name,
    backbone: definition.backbone,
    backboneIdentity: definition.backboneIdentity,
    generation: definition.generation,
    open: definition.classes === 'open',
    maxClasses: definition.maxClasses,
    dimensions: definition.dimensions,
    classes: statistics.classes.map((entry) => ({ ...entry })),
    latestVersion: status.latestVersion,
    servingVersion: status.servingVersion,
    pinned: status.pinned,
    versions: status.versions.map((entry) => ({
      version: entry.version,
      samples: entry.samples,
      logSequence: entry.position.sequence,
      createdAtMs: entry.createdAtMs,
      digest: entry.modelDigest,
      champion: entry.champion,
      accuracy: entry.accuracy ?? undefined,
      hasState: entry.stateDigest !== null,
    })),
    samples: statistics.samples,
    snapshotSequence: status.snapshotSequence,
    logSequence: progress?.logSequence ?? status.snapshotSequence,
    labelsWaiting: progress?.labelsWaiting ?? 0,
    servedLabelled: statistics.servedLabelled,
    servedCorrect: statistics.servedCorrect,
    servedAccuracy: statistics.servedAccuracy.map((entry) => ({ ...entry })),
    prequentialAccuracy: statistics.prequentialAccuracy.map((entry) => ({ ...entry })),
    labelResults: Object.fromEntries(Object.entries(labelResults).map(([result, count]) => [result, count ?? 0])),
    state: status.state,
    ...learnersMessage(status),
    train: train === 'auto' ? [] : [...train],
    taughtBy: status.taughtBy,
    waits: status.waits ?? null,
    compactedTo: status.compactedTo,
    skipped: statistics.skipped,
    lag: status.lag,
  };
}

/** Who competes for serving, and how it went. */
function learnersMessage({ statistics }: HeadStatus): Head {
  return {
    learners: statistics.candidates.map((entry) => ({ ...entry, accuracy: [...entry.accuracy] })),
    champion: statistics.champion,
    serve: statistics.serve,
    promotions: statistics.promotions.map(({ sequence, ...entry }) => ({ ...entry, logSequence: sequence })),
    calibrationError: statistics.calibrationError,
    drift: {
      level: statistics.drift.level,
      history: statistics.drift.history.map(({ sequence, ...entry }) => ({ ...entry, logSequence: sequence })),
    },
    confusions: [...statistics.confusions],
    aliases: [...statistics.aliases],
  };
}
