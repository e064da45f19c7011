// What a backbone's replacement does to the heads that stand on it. Pure.
import type { HeadStatus } from '../../learner/index.js';
import { listSome, StatusError } from '../errors.js';

/** What heads depend on: embeddings of another identity mean something else, even when they have the same size. */
export interface Replaceable {
  readonly name: string;
  readonly identity: string;
  readonly dimensions: number;
}

/** Heads that can be served on `before` and not on `after`. */
export function strandedHeads(heads: readonly HeadStatus[], before: Replaceable, after: Replaceable): string[] {
  if (before.identity === after.identity) return [];
  return heads
    .map(({ definition }) => definition)
    .filter(({ backbone, backboneIdentity }) => backbone === before.name && backboneIdentity === before.identity)
    .map(({ name }) => name);
}

/** @throws StatusError backbone_mismatch when heads would be stranded; it names them and what differs. */
export function refuseStranding(heads: readonly HeadStatus[], before: Replaceable, after: Replaceable): void {
  const stranded = strandedHeads(heads, before, after);
  if (stranded.length === 0) return;
  const describe = ({ identity, dimensions }: Replaceable) =>
    `identity ${identity.slice(0, 12)}..., embeddings of ${dimensions}`;
  throw new StatusError(
    'backbone_mismatch',
    `model "${before.name}": not replaced: ${stranded.length} heads were taught on the one in service (${describe(before)}), and the ` +
      `file gives another (${describe(after)}): ${listSome(stranded, 5)}; delete them, configure the new one under another name, ` +
      'or load it with the parameter force: they are refused then',
  );
}
