import type { InferParameter__Output, ModelInferRequest__Output } from '../../../protos/index.js';
import { listSome, quote, StatusError } from '../errors.js';
import { type ModelSpec, type OutputName, outputsOf } from './model.js';
import { refuseSharedMemory } from './parameters.js';

export interface RequestedOutput {
  /** As the answer names it: `label`, or `pets.label` when several heads were asked for. */
  readonly name: string;
  readonly tensor: OutputName;
  /** Which of the request's heads it is of; 0 for the embedding, which is of none. */
  readonly head: number;
  /** k: the k best as `value:index:name` instead of the tensor; 0: the tensor. */
  readonly classification: number;
}

type WantedOutput = ModelInferRequest__Output['outputs'][number];
type KnownOutput = Omit<RequestedOutput, 'classification'>;

const invalidOutput = (name: string, message: string) =>
  new StatusError('tensor_invalid', `output ${quote(name)}: ${message}`);

/**
 * The outputs to answer with, in the order asked for; `label` and `probabilities` of each head when none is.
 * @param heads of the parameter `heads`; undefined: the model is asked for as what it is.
 * @throws StatusError tensor_invalid for unknown or repeated outputs and for parameters that can't be kept.
 */
export function parseOutputs(
  wanted: readonly WantedOutput[],
  model: ModelSpec,
  heads: readonly string[] | undefined,
): RequestedOutput[] {
  const known = heads === undefined ? outputsOfModel(model) : outputsOfHeads(heads);
  if (wanted.length === 0) {
    const all = heads !== undefined || model.kind === 'head';
    const answered = all ? known.filter(({ tensor }) => tensor !== 'embedding') : known;
    return answered.map((output) => ({ ...output, classification: 0 }));
  }
  const seen = new Set<string>();
  const byName = new Map(known.map((output) => [output.name, output]));
  return wanted.map((output) => {
    const found = byName.get(output.name);
    if (found === undefined) {
      const asked = heads === undefined ? model.name : 'this request';
      throw invalidOutput(output.name, `unknown; ${asked} gives ${listSome([...byName.keys()])}`);
    }
    if (seen.has(found.name)) throw invalidOutput(found.name, 'asked for twice; ask for each output once');
    seen.add(found.name);
    refuseSharedMemory(`output "${found.name}"`, output.parameters);
    const parameter = output.parameters.classification;
    return { ...found, classification: parameter === undefined ? 0 : classification(found, parameter) };
  });
}

function outputsOfModel(model: ModelSpec): KnownOutput[] {
  return outputsOf(model).map(({ name }) => ({ name, tensor: name, head: 0 }));
}

/** A head's name has no dot, so these names are of one head only. */
function outputsOfHeads(heads: readonly string[]): KnownOutput[] {
  const own = heads.flatMap((name, head): KnownOutput[] => [
    { name: `${name}.label`, tensor: 'label', head },
    { name: `${name}.probabilities`, tensor: 'probabilities', head },
  ]);
  return [...own, { name: 'embedding', tensor: 'embedding', head: 0 }];
}

function classification({ name, tensor }: KnownOutput, parameter: InferParameter__Output): number {
  if (tensor !== 'probabilities') throw invalidOutput(name, 'parameter classification: only probabilities takes it');
  const k = parameter.int64Param ?? parameter.uint64Param;
  // 0 is Triton's "no classification".
  if (k === undefined || !Number.isInteger(k) || k < 0) {
    const got =
      parameter.parameterChoice === undefined ? 'nothing' : quote(String(parameter[parameter.parameterChoice]));
    throw invalidOutput(name, `parameter classification: expected a whole number from 1 as int64_param, got ${got}`);
  }
  return k;
}
