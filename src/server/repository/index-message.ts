import type { RepositoryIndexResponse } from '../../../protos/index.js';
import { printable } from '../errors.js';
import { BACKBONE_VERSION, type Models } from '../inference/models.js';

type Entry = NonNullable<RepositoryIndexResponse['models']>[number];

/**
 * Heads and backbones with their states.
 * @param onlyReady leaves out what can't answer now
 */
export function indexMessage(models: Models, onlyReady: boolean): Entry[] {
  const entries = [
    ...models.heads.list().map(({ definition }) => headEntry(models, definition.name)),
    ...backbones(models),
  ];
  return onlyReady ? entries.filter(({ state }) => state === 'READY') : entries;
}

function backbones({ backbones: registry }: Models): Entry[] {
  return registry.names().map((name) => ({ name, version: BACKBONE_VERSION, ...registry.state(name) }));
}

function headEntry(models: Models, name: string): Entry {
  const { servingVersion, state } = models.headStatus(name);
  const entry = { name, version: String(servingVersion) };
  if (state === 'loading') return { ...entry, state: 'LOADING', reason: '' };
  const problem = models.headProblem(name);
  if (problem === undefined) return { ...entry, state: 'READY', reason: '' };
  return { ...entry, state: 'UNAVAILABLE', reason: printable(problem) };
}
