import type { CreateHeadRequest__Output } from '../../../protos/index.js';
import type { HeadRequest, LearnerOptions } from '../../learner/index.js';
import { checkClassNames, DEFAULT_HEAD, NAME_PATTERN, NAME_RULE, readLearnerChoice } from '../config/index.js';
import { listSome, quote, StatusError } from '../errors.js';
import type { BackboneRegistry } from '../repository/backbone-registry.js';

/**
 * A head to create, from what a client asks for.
 * @throws StatusError request_invalid, backbone_unknown, model_unloaded, head_exists (a backbone has the name).
 */
export function headRequest(request: CreateHeadRequest__Output, backbones: BackboneRegistry): HeadRequest {
  const { name } = request;
  if (!NAME_PATTERN.test(name)) {
    throw new StatusError('request_invalid', `name: expected ${NAME_RULE}, got ${quote(name)}`);
  }
  if (backbones.isConfigured(name)) {
    throw new StatusError('head_exists', `name: "${name}" is a backbone; heads and backbones share one space of names`);
  }
  const batcher = backbones.loaded.get(request.backbone);
  if (batcher === undefined) {
    const known = listSome(backbones.names());
    throw (
      backbones.unavailable(request.backbone) ??
      new StatusError('backbone_unknown', `backbone: no ${quote(request.backbone)}; there are ${known}`)
    );
  }
  const { backbone } = batcher;
  const { classes, maxClasses } = headClasses(request);
  return {
    name,
    backbone: backbone.name,
    backboneIdentity: backbone.identity,
    dimensions: backbone.dimensions,
    classes,
    maxClasses,
    learner: learnerOptions(request),
  };
}

function learnerOptions(request: CreateHeadRequest__Output): LearnerOptions {
  const read = readLearnerChoice(request);
  if (typeof read === 'string') throw new StatusError('request_invalid', read);
  return read;
}

function headClasses(request: CreateHeadRequest__Output): Pick<HeadRequest, 'classes' | 'maxClasses'> {
  const maxClasses = request.maxClasses === 0 ? DEFAULT_HEAD.maxClasses : request.maxClasses;
  if (maxClasses > DEFAULT_HEAD.classLimit) {
    throw new StatusError(
      'request_invalid',
      `max_classes: expected at most ${DEFAULT_HEAD.classLimit}, got ${maxClasses}`,
    );
  }
  if (request.classes.length === 0) return { classes: 'open', maxClasses };
  const checked = checkClassNames(request.classes);
  if (typeof checked === 'string') throw new StatusError('request_invalid', `classes: ${checked}`);
  if (checked.length > DEFAULT_HEAD.classLimit) {
    throw new StatusError(
      'request_invalid',
      `classes: expected at most ${DEFAULT_HEAD.classLimit}, got ${checked.length}`,
    );
  }
  return { classes: checked, maxClasses: Math.max(maxClasses, checked.length) };
}
