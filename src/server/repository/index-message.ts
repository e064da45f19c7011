import type { RepositoryIndexResponse } from '../../../protos/index.js';
import { printable } from '../errors.js';
import { BACKBONE_VERSION, type Models } from '../inference/models.js';
import { type Caller, SCOPES } from '../security/caller.js';
import { withoutList } from '../text/without-list.js';

type Entry = NonNullable<RepositoryIndexResponse['models']>[number];

/**
 * Heads and backbones that the caller may do anything with, with their states. Why one is not ready is told in full to those who administer
 * it; others learn neither files nor names of other models.
 * @param onlyReady leaves out what can't answer now
 */
export function indexMessage(models: Models, onlyReady: boolean, caller: Caller): Entry[] {
  const known = (name: string) => SCOPES.some((scope) => caller.may(scope, name));
  const heads = models.heads.list().map(({ definition }) => definition.name);
  const entries = [
    ...heads.filter(known).map((name) => headEntry(models, name, caller)),
    ...models.backbones
      .names()
      .filter(known)
      .map((name) => backboneEntry(models, name, caller)),
  ];
  return onlyReady ? entries.filter(({ state }) => state === 'READY') : entries;
}

function backboneEntry({ backbones }: Models, name: string, caller: Caller): Entry {
  const { state, reason, detail } = backbones.state(name);
  return { name, version: BACKBONE_VERSION, state, reason: caller.may('admin', name) ? detail : reason };
}

function headEntry(models: Models, name: string, caller: Caller): Entry {
  const { servingVersion, state } = models.headStatus(name);
  const entry = { name, version: String(servingVersion) };
  if (state === 'loading') return { ...entry, state: 'LOADING', reason: '' };
  const problem = models.headProblem(name);
  if (problem === undefined) return { ...entry, state: 'READY', reason: '' };
  return { ...entry, state: 'UNAVAILABLE', reason: printable(caller.seesAll ? problem : withoutList(problem)) };
}
