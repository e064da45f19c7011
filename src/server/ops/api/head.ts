// One head: its state as ListHeads tells it, and its past.
import type { ClassStatistics } from '../../../learner/index.js';
import { headMessage } from '../../grpc/head-message.js';
import { KnownHeads } from '../../grpc/known-head.js';
import type { Caller } from '../../security/caller.js';
import { demandSight } from '../../security/caller.js';
import { HEAD_COLUMNS } from '../history/heads.js';
import { needLearning } from './need.js';
import type { ApiParts } from './parts.js';
import { rounded } from './rounded.js';

/** Classes and versions that are listed: the most frequent of late, and the newest. */
const MAX_CLASSES = 200;
const MAX_VERSIONS = 100;

/** @throws StatusError permission_denied, head_unknown, starting */
export function oneHead(parts: ApiParts, caller: Caller, name: string, sinceMs: number): object {
  demandSight(caller, name);
  const learning = needLearning(parts);
  const status = new KnownHeads(learning, parts.config.roles.includes('join')).need(name);
  const head = headMessage(status, undefined, learning.labelResults(name));
  const rows = parts.recorder.heads.rows(name, sinceMs);
  return {
    now: Date.now(),
    ...head,
    natsConnected: learning.connected,
    classes: mostFrequent(status.statistics.classes),
    classCount: status.classCount,
    versions: head.versions?.slice(0, MAX_VERSIONS),
    history: rows === undefined ? null : { columns: HEAD_COLUMNS, rows: rounded(rows) },
    may: {
      infer: caller.may('infer', name) && parts.services !== undefined,
      label: caller.may('label', name) && parts.services !== undefined,
      admin: caller.may('admin', name) && parts.services !== undefined,
    },
  };
}

function mostFrequent(classes: readonly ClassStatistics[]): ClassStatistics[] {
  const order = (a: ClassStatistics, b: ClassStatistics) => b.recent - a.recent || b.samples - a.samples;
  return [...classes].sort(order).slice(0, MAX_CLASSES);
}
