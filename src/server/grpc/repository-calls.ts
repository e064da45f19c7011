// Triton's extensions about models: their configuration, statistics, and which are loaded.
import type { GRPCInferenceServiceHandlers, ModelConfig, ModelStatistics } from '../../../protos/index.js';
import { StatusError } from '../errors.js';
import type { CallContext } from '../inference/call-context.js';
import { BACKBONE_VERSION, type Models } from '../inference/models.js';
import { refuseStranding } from '../repository/dependent-heads.js';
import { indexMessage } from '../repository/index-message.js';
import { type LoadParameters, loadParameters, unloadDependents } from '../repository/load-parameters.js';
import { modelConfig } from '../repository/model-config.js';
import { modelFile } from '../repository/model-file.js';
import { statisticsMessage } from '../repository/statistics-message.js';
import { demand } from '../security/caller.js';
import { type LogError, unary } from './call.js';

export interface RepositoryCallsOptions {
  readonly models: Models;
  /** Where other files than the configured ones may be loaded from; null: nowhere. */
  readonly repositoryFolder: string | null;
  readonly draining: AbortSignal;
  readonly logError: LogError;
}

type RepositoryCall =
  | 'ModelConfig'
  | 'ModelStatistics'
  | 'RepositoryIndex'
  | 'RepositoryModelLoad'
  | 'RepositoryModelUnload';

export function repositoryCalls(options: RepositoryCallsOptions): Pick<GRPCInferenceServiceHandlers, RepositoryCall> {
  const { models, repositoryFolder, draining, logError } = options;
  // A load may take longer than a stop waits for.
  draining.addEventListener('abort', () => models.backbones.stopLoading(), { once: true });
  return {
    ModelConfig: unary(async ({ name, version }, { caller }) => {
      demand(caller, 'infer', name);
      return { config: await configOf(models, name, version) };
    }, logError),
    ModelStatistics: unary(async ({ name, version }, { caller }) => {
      if (name !== '') demand(caller, 'infer', name);
      return { modelStats: statisticsOf(models, name, version, (model) => caller.may('infer', model)) };
    }, logError),
    RepositoryIndex: unary(async ({ repositoryName, ready }, { caller }) => {
      oneRepository(repositoryName);
      return {
        models: indexMessage(models, ready, caller),
      };
    }, logError),
    RepositoryModelLoad: unary(async ({ repositoryName, modelName, parameters }, context) => {
      demand(context.caller, 'admin', modelName);
      oneRepository(repositoryName);
      const wanted = loadParameters(parameters);
      if (models.backbones.isConfigured(modelName))
        await loadBackbone(models, modelName, wanted, repositoryFolder, context);
      else loadHead(models, modelName, wanted);
      return {};
    }, logError),
    RepositoryModelUnload: unary(async ({ repositoryName, modelName, parameters }, context) => {
      demand(context.caller, 'admin', modelName);
      oneRepository(repositoryName);
      const dependents = unloadDependents(parameters);
      if (models.backbones.isConfigured(modelName)) await unloadBackbone(models, modelName, dependents, context);
      else unloadHead(models, modelName);
      return {};
    }, logError),
  };
}

function oneRepository(name: string): void {
  if (name === '') return;
  const message = 'repository_name: there is one repository, and it has no name; leave this empty';
  throw new StatusError('request_invalid', message);
}

async function configOf(models: Models, name: string, version: string): Promise<ModelConfig> {
  const { spec, batcher, status } = models.describe(name);
  if (version !== '') await models.resolve(name, version);
  const { entry, model } = models.backbones.describe(status?.definition.backbone ?? name);
  const batch = models.backbones.batching(entry.name);
  return modelConfig({
    spec,
    backbone: batcher.backbone,
    model,
    ...batch,
    queueLimit: batcher.limit,
    largestRequest: batcher.largestRequest,
  });
}

/** @throws StatusError model_unknown; version_unknown for another than the one being served: counts are of a model, over its versions. */
function statisticsOf(
  models: Models,
  name: string,
  version: string,
  may: (model: string) => boolean,
): ModelStatistics[] {
  const { statistics } = models.backbones;
  statistics.keepHeads((head) => models.heads.status(head) !== undefined);
  const heads = models.heads.list().map(({ definition }) => definition.name);
  const names = name === '' ? [...heads, ...models.backbones.names()].filter(may) : [name];
  return names.map((model) => {
    if (models.backbones.isConfigured(model)) {
      onlyServed(model, version, BACKBONE_VERSION);
      return statisticsMessage(model, BACKBONE_VERSION, statistics.backbone(model));
    }
    const { definition, servingVersion } = models.headStatus(model);
    onlyServed(model, version, String(servingVersion));
    return statisticsMessage(model, String(servingVersion), statistics.head(model, definition.generation));
  });
}

function onlyServed(model: string, asked: string, served: string): void {
  if (asked === '' || asked === served) return;
  const message = `statistics are kept for a model, over all its versions: expected the one being served (${served}) or none`;
  throw new StatusError('version_unknown', `model "${model}": ${message}`);
}

async function loadBackbone(
  { backbones, heads }: Models,
  name: string,
  { model, force }: LoadParameters,
  folder: string | null,
  { signal }: CallContext,
): Promise<void> {
  const file = model === undefined ? undefined : await modelFile(folder, model);
  await backbones.load(name, {
    ...{ model: file, signal },
    accept: (before, after) => {
      if (force || before.identity === after.identity) return;
      if (!heads.loaded) {
        const message = `model "${name}": not replaced: which heads stand on it is not known yet; try again, or use force`;
        throw new StatusError('starting', message);
      }
      refuseStranding(heads.list(), before, after);
    },
  });
}

/** @throws StatusError model_unknown, request_invalid, backbone_mismatch; LearnerError when it can't be served. */
function loadHead(models: Models, name: string, { model, force }: LoadParameters): void {
  models.headStatus(name);
  if (model !== undefined || force) {
    throw new StatusError(
      'request_invalid',
      `model "${name}" is a head: the parameters model and force are for backbones`,
    );
  }
  models.unloadedHeads.delete(name);
  models.describe(name);
  models.heads.serving(name);
}

async function unloadBackbone(
  models: Models,
  name: string,
  dependents: boolean,
  { signal, caller }: CallContext,
): Promise<void> {
  const { heads, backbones, unloadedHeads } = models;
  if (dependents) {
    unloadedHeads.keep((head) => heads.status(head) !== undefined);
    const own = heads.list().filter(({ definition }) => definition.backbone === name);
    for (const { definition } of own) demand(caller, 'admin', definition.name);
    for (const { definition } of own) unloadedHeads.add(definition);
  }
  await backbones.unload(name, signal);
}

function unloadHead(models: Models, name: string): void {
  const { definition } = models.headStatus(name);
  models.unloadedHeads.keep((head) => models.heads.status(head) !== undefined);
  models.unloadedHeads.add(definition);
}
