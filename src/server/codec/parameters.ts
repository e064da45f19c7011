// Parameters of a request. Those that mean nothing here (sequence_id, priority, a client's own) are passed over, as Triton does.
import type { InferParameter__Output } from '../../../protos/index.js';
import { quote, StatusError } from '../errors.js';

export type Parameters = Readonly<Record<string, InferParameter__Output>>;

/** Heads that one request may ask for. */
export const MAX_HEADS = 128;

const invalidParameter = (name: string, message: string) =>
  new StatusError('request_invalid', `parameter ${name}: ${message}`);

const shown = (parameter: InferParameter__Output) =>
  parameter.parameterChoice === undefined ? 'nothing' : quote(String(parameter[parameter.parameterChoice]));

/**
 * The heads that `heads` (comma-separated names) asks for, in its order; undefined without it.
 * @throws StatusError request_invalid when it is no text, names none, one twice, or too many.
 */
export function requestedHeads(parameters: Parameters): string[] | undefined {
  const parameter = parameters.heads;
  if (parameter === undefined) return undefined;
  if (parameter.stringParam === undefined) {
    throw invalidParameter('heads', `expected comma-separated names as string_param, got ${shown(parameter)}`);
  }
  const names = parameter.stringParam.split(',').map((name) => name.trim());
  if (names.some((name) => name === '')) {
    throw invalidParameter('heads', `expected comma-separated names, got ${shown(parameter)}`);
  }
  if (names.length > MAX_HEADS) {
    throw invalidParameter('heads', `expected at most ${MAX_HEADS} heads a request, got ${names.length}`);
  }
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw invalidParameter('heads', `${quote(twice)} is named twice; name each head once`);
  return names;
}

/**
 * `timeout` in milliseconds: how long the request may wait before it runs, which clients give in microseconds. Infinity
 * without it, or with 0 (Triton's "the model's default").
 * @throws StatusError request_invalid when it is no whole number.
 */
export function timeoutMs(parameters: Parameters): number {
  const parameter = parameters.timeout;
  if (parameter === undefined) return Number.POSITIVE_INFINITY;
  const microseconds = parameter.int64Param ?? parameter.uint64Param;
  if (microseconds === undefined || microseconds < 0) {
    throw invalidParameter('timeout', `expected microseconds as int64_param, got ${shown(parameter)}`);
  }
  return microseconds === 0 ? Number.POSITIVE_INFINITY : microseconds / 1000;
}

/** Shared memory would change where the data is, so it can't be passed over in silence as other parameters are. */
export function refuseSharedMemory(where: string, parameters: Parameters): void {
  for (const name in parameters) {
    if (!name.startsWith('shared_memory_')) continue;
    throw new StatusError(
      'request_invalid',
      `${where}: parameter ${name}: shared memory is not supported; send the data`,
    );
  }
}
