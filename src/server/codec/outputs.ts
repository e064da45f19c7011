import type { InferParameter__Output, ModelInferRequest__Output } from '../../../protos/index.js';
import { quote, StatusError } from '../errors.js';
import { type ModelSpec, type OutputName, outputsOf } from './model.js';

export interface RequestedOutput {
  readonly name: OutputName;
  /** k: the k best as `value:index:name` instead of the tensor; 0: the tensor. */
  readonly classification: number;
}

type WantedOutput = ModelInferRequest__Output['outputs'][number];

const invalidOutput = (name: string, message: string) =>
  new StatusError('tensor_invalid', `output ${quote(name)}: ${message}`);

/**
 * The outputs to answer with, in the order asked for; `label` and `probabilities` of a head when none is.
 * @throws StatusError tensor_invalid for unknown or repeated outputs and for parameters that can't be kept.
 */
export function parseOutputs(wanted: readonly WantedOutput[], model: ModelSpec): RequestedOutput[] {
  const known = outputsOf(model);
  if (wanted.length === 0) {
    const names: OutputName[] = model.kind === 'head' ? ['label', 'probabilities'] : ['embedding'];
    return names.map((name) => ({ name, classification: 0 }));
  }
  const seen = new Set<string>();
  return wanted.map((output) => {
    const spec = known.find(({ name }) => name === output.name);
    if (spec === undefined) {
      throw invalidOutput(output.name, `unknown; ${model.name} gives ${known.map(({ name }) => name).join(', ')}`);
    }
    if (seen.has(spec.name)) throw invalidOutput(spec.name, 'asked for twice; ask for each output once');
    seen.add(spec.name);
    refuseSharedMemory(`output "${spec.name}"`, output.parameters);
    const parameter = output.parameters.classification;
    return { name: spec.name, classification: parameter === undefined ? 0 : classification(spec.name, parameter) };
  });
}

function classification(output: OutputName, parameter: InferParameter__Output): number {
  if (output !== 'probabilities') throw invalidOutput(output, 'parameter classification: only probabilities takes it');
  const k = parameter.int64Param ?? parameter.uint64Param;
  // 0 is Triton's "no classification".
  if (k === undefined || !Number.isInteger(k) || k < 0) {
    const got =
      parameter.parameterChoice === undefined ? 'nothing' : quote(String(parameter[parameter.parameterChoice]));
    throw invalidOutput(output, `parameter classification: expected a whole number from 1 as int64_param, got ${got}`);
  }
  return k;
}

/** Shared memory would change where the data is, so it can't be passed over in silence as other parameters are. */
export function refuseSharedMemory(where: string, parameters: Readonly<Record<string, InferParameter__Output>>): void {
  const name = Object.keys(parameters).find((key) => key.startsWith('shared_memory_'));
  if (name !== undefined) {
    throw new StatusError(
      'request_invalid',
      `${where}: parameter ${name}: shared memory is not supported; send the data`,
    );
  }
}
