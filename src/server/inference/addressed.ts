// Which models a request is for: one head, a backbone by itself, or several heads of one backbone.
import type { ModelInferRequest__Output } from '../../../protos/index.js';
import type { Batcher } from '../batching/batcher.js';
import type { ModelSpec } from '../codec/model.js';
import { requestedHeads } from '../codec/parameters.js';
import { quote, StatusError } from '../errors.js';
import { replacedMeanwhile } from '../repository/on-current.js';
import { type Caller, demand } from '../security/caller.js';
import type { Models, ModelTarget } from './models.js';

export type HeadTarget = Extract<ModelTarget, { kind: 'head' }>;

export interface Addressed {
  /** Of the model named, with a head's inputs when heads answer. */
  readonly spec: ModelSpec;
  readonly batcher: Batcher;
  /** Those that answer; none: the backbone by itself. */
  readonly heads: readonly HeadTarget[];
  /** Names of the parameter `heads`; undefined without it. */
  readonly names: readonly string[] | undefined;
}

/**
 * Looks up what a request is for. The parameter `heads` names the heads that answer, all of one backbone; the model named is
 * then that backbone or one of them.
 * @throws StatusError permission_denied before anything is said about a model that the caller may not use; request_invalid;
 *   whatever `models.resolve` throws. One head that can't answer refuses the request, and is named.
 */
export async function addressed(
  request: Pick<ModelInferRequest__Output, 'modelName' | 'modelVersion' | 'parameters'>,
  models: Models,
  caller: Caller,
): Promise<Addressed> {
  const { modelName, modelVersion } = request;
  const names = requestedHeads(request.parameters);
  if (names === undefined) {
    demand(caller, 'infer', modelName);
    const target = await models.resolve(modelName, modelVersion);
    const { spec, batcher } = target;
    return { spec, batcher, heads: target.kind === 'head' ? [target] : [], names };
  }
  for (const name of names) demand(caller, 'infer', name);
  const heads = await Promise.all(
    names.map(async (name) => headOf(await models.resolve(name, name === modelName ? modelVersion : ''), name)),
  );
  const [first] = heads;
  const { batcher } = first!;
  for (const head of heads) {
    if (head.batcher === batcher) continue;
    if (head.batcher.backbone.name === batcher.backbone.name) throw replacedMeanwhile(batcher.backbone.name);
    throw invalid(`expected heads of one backbone; ${described(first!)}, ${described(head)}`);
  }
  if (!names.includes(modelName)) await checkBackbone(request, models, first!);
  return { spec: { ...first!.spec, name: modelName }, batcher, heads, names };
}

async function checkBackbone(
  { modelName, modelVersion }: Pick<ModelInferRequest__Output, 'modelName' | 'modelVersion'>,
  models: Models,
  head: HeadTarget,
): Promise<void> {
  // A name that the caller may not use is not looked up: only its own backbone's is of interest.
  const name = head.batcher.backbone.name;
  if (modelName !== name) {
    throw invalid(`expected model_name to be one of them or their backbone ${quote(name)}, got ${quote(modelName)}`);
  }
  await models.resolve(modelName, modelVersion);
}

function headOf(target: ModelTarget, name: string): HeadTarget {
  if (target.kind === 'head') return target;
  throw invalid(`${quote(name)} is a backbone; expected names of heads`);
}

const described = ({ spec, batcher }: HeadTarget) => `${quote(spec.name)} is of ${quote(batcher.backbone.name)}`;

const invalid = (message: string) => new StatusError('request_invalid', `parameter heads: ${message}`);
