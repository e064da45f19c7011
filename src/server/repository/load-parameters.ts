// The parameters of RepositoryModelLoad and RepositoryModelUnload. Pure.
import type { ModelRepositoryParameter__Output } from '../../../protos/index.js';
import { listSome, quote, StatusError } from '../errors.js';

type Parameters = Readonly<Record<string, ModelRepositoryParameter__Output>>;

export interface LoadParameters {
  /** Another file than the configured one, relative to repository.folder. */
  readonly model: string | undefined;
  /** Replace the backbone even when heads can't be served any more then. */
  readonly force: boolean;
}

/** @throws StatusError request_invalid, which names the parameter and says what is taken. */
export function loadParameters(parameters: Parameters): LoadParameters {
  for (const name of Object.keys(parameters)) {
    if (name.startsWith('file:')) {
      const message =
        'a model is never taken from a request; put the file into repository.folder and name it with `model`';
      throw new StatusError('request_invalid', `parameter ${quote(name)}: ${message}`);
    }
    if (name === 'config') {
      const message =
        "a backbone's settings come from the server's configuration; another file of it can be named with `model`";
      throw new StatusError('request_invalid', `parameter config: ${message}`);
    }
  }
  allowOnly(parameters, ['model', 'force']);
  return { model: text(parameters, 'model'), force: flag(parameters, 'force') };
}

/** Whether the heads of a backbone go with it. @throws StatusError request_invalid. */
export function unloadDependents(parameters: Parameters): boolean {
  allowOnly(parameters, ['unload_dependents']);
  return flag(parameters, 'unload_dependents');
}

function allowOnly(parameters: Parameters, known: readonly string[]): void {
  const unknown = Object.keys(parameters).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new StatusError('request_invalid', `parameter ${quote(unknown)} is unknown; there are ${listSome(known)}`);
}

function text(parameters: Parameters, name: string): string | undefined {
  const value = parameters[name];
  if (value === undefined || value.stringParam !== undefined) return value?.stringParam;
  throw new StatusError('request_invalid', `parameter ${name}: expected a string`);
}

/** tritonclient sends booleans as they are; a string of them is what command lines give. */
function flag(parameters: Parameters, name: string): boolean {
  const value = parameters[name];
  if (value === undefined) return false;
  if (value.boolParam !== undefined) return value.boolParam;
  if (value.stringParam === 'true' || value.stringParam === 'false') return value.stringParam === 'true';
  throw new StatusError('request_invalid', `parameter ${name}: expected a boolean`);
}
