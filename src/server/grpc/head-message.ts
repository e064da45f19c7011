import type { Head } from '../../../protos/index.js';
import type { HeadProgress, HeadStatus } from '../../learner/index.js';

/**
 * A head as headwater.v1 tells it.
 * @param progress undefined: NATS could not be asked; the state says so.
 */
export function headMessage(
  status: HeadStatus,
  progress: HeadProgress | undefined,
  labelResults: Readonly<Partial<Record<string, number>>>,
): Head {
  const { definition, statistics } = status;
  const unknown = 'NATS is away: log_sequence and labels_waiting are as of the newest snapshot';
  const state =
    progress !== undefined ? status.state : status.state === 'ready' ? unknown : `${status.state}; ${unknown}`;
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
    state,
  };
}
