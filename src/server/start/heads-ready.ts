// What the readiness says of heads.
import type { Learning } from '../../learner/index.js';
import { declaredHeads } from '../backbones.js';
import type { Batcher } from '../batching/batcher.js';
import type { Config } from '../config/index.js';
import type { Readiness } from '../ops/readiness.js';

const POLL_MS = 50;

/** Keeps the readiness told of heads until they are loaded for the first time: losing NATS later does not stop serving. */
export function waitForHeads(
  config: Config,
  learning: Learning,
  batchers: ReadonlyMap<string, Batcher>,
  readiness: Readiness,
): { ready: Promise<void>; stop: () => void } {
  let timer: NodeJS.Timeout | undefined;
  const ready = new Promise<void>((resolve) => {
    const look = () => {
      const reason = headsReason(config, learning, batchers);
      readiness.set('heads', reason);
      if (reason === undefined) resolve();
      else timer = setTimeout(look, POLL_MS);
    };
    look();
  });
  return { ready, stop: () => clearTimeout(timer) };
}

/** What is missing before heads can be served and taught; undefined: nothing. */
function headsReason(
  config: Config,
  { heads, connected, problem }: Learning,
  batchers: ReadonlyMap<string, Batcher>,
): string | undefined {
  if (!heads.loaded) return problem ?? 'waiting for the list of heads';
  const missing = declaredHeads(config.heads, batchers).find(({ name }) => heads.status(name) === undefined);
  if (missing !== undefined) return `head "${missing.name}" is not created yet${problem ? `: ${problem}` : ''}`;
  const loading = heads.list().find(({ state }) => state === 'loading');
  if (loading !== undefined) return `head "${loading.definition.name}" is loading`;
  // Heads come from NATS, but labels can be stored a moment later only.
  return connected ? undefined : (problem ?? 'waiting for NATS');
}
