import type { Learning } from '../../../learner/index.js';
import { StatusError } from '../../errors.js';
import type { BackboneRegistry } from '../../repository/backbone-registry.js';
import type { GrpcServices } from '../../start/grpc.js';
import type { ApiParts } from './parts.js';

const starting = (what: string) => new StatusError('starting', `${what}: the server is starting; see /readyz`);

/** @throws StatusError starting */
export function needLearning({ learning }: ApiParts): Learning {
  if (learning === undefined) throw starting('heads');
  return learning;
}

/** @throws StatusError starting */
export function needBackbones({ backbones }: ApiParts): BackboneRegistry {
  if (backbones === undefined) throw starting('backbones');
  return backbones;
}

/** @throws StatusError starting; unsupported in a process that does not serve */
export function needServices({ services, config }: ApiParts): GrpcServices {
  if (services !== undefined) return services;
  if (config.roles.includes('serve')) throw starting('calls');
  throw new StatusError('unsupported', 'this process has not the role `serve`; ask one that has');
}
