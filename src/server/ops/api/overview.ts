// What the process does, in a few numbers: asked for every second by each open page, so nothing here asks NATS or disks.
import type { HeadStatus, WindowAccuracy } from '../../../learner/index.js';
import { type Caller, maySee, SCOPES } from '../../security/caller.js';
import { TRAFFIC_COLUMNS } from '../history/traffic.js';
import type { ApiParts } from './parts.js';
import { rounded } from './rounded.js';

/** Heads that one answer lists; the number of all stands beside. */
const MAX_HEADS = 500;

/** @param sinceMs rows of the traffic's past after this time */
export function overview(parts: ApiParts, caller: Caller, sinceMs: number): object {
  const { learning, readiness, recorder, config } = parts;
  const heads = (learning?.heads.list() ?? []).filter(({ definition }) => maySee(caller, definition.name));
  return {
    now: Date.now(),
    version: parts.version,
    startedAtMs: parts.startedAtMs,
    roles: config.roles,
    ready: readiness.ready,
    waitingFor: caller.seesAll ? readiness.reasons : {},
    natsConnected: learning?.connected ?? false,
    caller: {
      authenticated: parts.credentialsRequired,
      name: parts.credentialsRequired ? caller.client : null,
      scopes: SCOPES.filter((scope) => caller.may(scope)),
      seesAll: caller.seesAll,
    },
    heads: heads.slice(0, MAX_HEADS).map((status) => headLine(status)),
    headCount: heads.length,
    // Sums over all heads: whoever may see some only is not told what others do.
    traffic: caller.seesAll ? { columns: TRAFFIC_COLUMNS, rows: rounded(recorder.traffic.rows(sinceMs)) } : null,
    queues: queues(parts, caller),
  };
}

function headLine({ definition, statistics, ...status }: HeadStatus): object {
  return {
    name: definition.name,
    backbone: definition.backbone,
    state: status.state,
    servingVersion: status.servingVersion,
    latestVersion: status.latestVersion,
    pinned: status.pinned,
    classes: status.classCount,
    samples: statistics.samples,
    servedAccuracy: latest(statistics.servedAccuracy),
    prequentialAccuracy: latest(statistics.prequentialAccuracy),
    drift: statistics.drift.level,
    champion: statistics.champion,
    taughtBy: status.taughtBy,
    lag: status.lag ?? null,
  };
}

/** Over the longest window; null: no label yet. */
function latest(windows: readonly WindowAccuracy[]): number | null {
  const known = windows.filter(({ count }) => count > 0).at(-1);
  return known?.accuracy ?? null;
}

function queues({ backbones }: ApiParts, caller: Caller): object[] {
  const seen = [...(backbones?.loaded ?? [])].filter(([name]) => caller.seesAll || maySee(caller, name));
  return seen.map(([backbone, { depth, limit, counts }]) => ({
    backbone,
    depth,
    limit,
    refused: Object.values(counts.refused).reduce((sum, count) => sum + count, 0),
  }));
}
