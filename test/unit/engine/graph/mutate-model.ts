import type { Random } from '../../../../src/server/data/random.js';
import type { AttributeSpec, ModelSpec, NodeSpec } from '../synthetic.js';

/** Numbers that have broken something somewhere. */
const integers = [
  0,
  1,
  -1,
  2,
  3,
  7,
  16,
  17,
  255,
  65535,
  65536,
  2 ** 31 - 1,
  -(2 ** 31),
  2 ** 31,
  2 ** 40,
  2 ** 53 - 1,
  -(2 ** 53) + 1,
];
const floats = [0, -0, 1, -1, 0.5, 1e-40, 1e38, 3.4e39, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
const texts = ['', 'SAME_UPPER', 'VALID', 'nearest', 'linear', 'asymmetric', 'half_pixel', '\0', 'x'.repeat(5000)];
const operators = [
  'Conv',
  'Gemm',
  'MatMul',
  'Add',
  'Mul',
  'Div',
  'Concat',
  'Relu',
  'MaxPool',
  'AveragePool',
  'GlobalAveragePool',
];
operators.push(
  'ReduceMean',
  'Softmax',
  'Resize',
  'Pad',
  'Flatten',
  'Reshape',
  'Transpose',
  'Slice',
  'Split',
  'Squeeze',
  'Unsqueeze',
);
operators.push(
  'BatchNormalization',
  'Clip',
  'Shape',
  'Gather',
  'Cast',
  'Constant',
  'ConstantOfShape',
  'Identity',
  'If',
  'Loop',
  '',
);
const attributeNames = [
  'axis',
  'axes',
  'pads',
  'strides',
  'dilations',
  'kernel_shape',
  'group',
  'auto_pad',
  'ceil_mode',
  'perm',
  'to',
];
attributeNames.push(
  'alpha',
  'keepdims',
  'transA',
  'transB',
  'mode',
  'value',
  'starts',
  'ends',
  'split',
  'num_outputs',
  'allowzero',
);

/** A copy with a few things changed that keep it a well-formed file: what it says is wrong, not how it is written. */
export function mutateModel(original: ModelSpec, random: Random): ModelSpec {
  const spec = structuredClone(original);
  for (let changes = 1 + below(3, random); changes > 0; changes--) pick(mutations, random)(spec, random);
  return spec;
}

type Mutation = (spec: ModelSpec, random: Random) => void;

const mutations: readonly Mutation[] = [
  (spec, random) => changeAttribute(pick(spec.nodes, random), random),
  (spec, random) => changeAttribute(pick(spec.nodes, random), random),
  (spec, random) => {
    pick(spec.nodes, random).op = pick(operators, random);
  },
  (spec, random) => {
    const node = pick(spec.nodes, random);
    const names = [...tensorNames(spec), '', 'nothing makes this'];
    node.inputs[below(node.inputs.length + 1, random)] = pick(names, random);
  },
  (spec, random) => {
    const { inputs } = pick(spec.nodes, random);
    inputs.splice(below(inputs.length, random), 1);
  },
  (spec, random) => {
    pick(spec.nodes, random).outputs.push(pick(tensorNames(spec), random));
  },
  (spec, random) => {
    spec.nodes.splice(below(spec.nodes.length, random), 0, structuredClone(pick(spec.nodes, random)));
  },
  (spec, random) => {
    spec.nodes.reverse();
    if (random() < 0.5) spec.nodes.splice(below(spec.nodes.length, random), 1);
    if (spec.nodes.length === 0) spec.nodes.push({ op: 'Identity', inputs: ['x'], outputs: ['y'] });
  },
  (spec, random) => {
    const { shape } = pick(spec.inputs, random);
    shape[below(shape.length + 1, random)] = pick([...integers.filter((value) => value > 0), 'N', 'H'], random);
  },
  (spec, random) => {
    // The values no longer go with it, or go with another shape.
    const weight = pick(Object.values(spec.weights ?? {}), random);
    if (random() < 0.5) weight.dims.reverse();
    else weight.dims[below(weight.dims.length + 1, random)] = pick(integers, random);
  },
  (spec, random) => {
    const weight = pick(Object.values(spec.weights ?? {}), random);
    weight.values = Float32Array.from(weight.values, (value) => (random() < 0.3 ? pick(floats, random) : value));
  },
  (spec, random) => {
    const lists = Object.values(spec.int64s ?? {});
    if (lists.length > 0) changeList(pick(lists, random), random);
  },
  (spec, random) => {
    const name = pick(Object.keys(spec.weights ?? {}), random);
    const { dims } = spec.weights![name]!;
    delete spec.weights![name];
    const entries = {
      location: pick(['w.bin', '../w.bin', '*/_ORT_MEM_ADDR_/*', ''], random),
      offset: String(pick(integers, random)),
    };
    spec.external = { ...spec.external, [name]: { dims, type: pick([1, 7, 8, 99], random), entries } };
  },
  (spec, random) => {
    spec.opset = pick([1, 6, 7, 9, 10, 11, 13, 18, 21, 22, 2 ** 31], random);
  },
  (spec, random) => {
    spec.outputs[0]!.name = pick(tensorNames(spec), random);
  },
];

function changeAttribute(node: NodeSpec, random: Random): void {
  node.attributes ??= {};
  const present = Object.keys(node.attributes);
  const name = present.length > 0 && random() < 0.7 ? pick(present, random) : pick(attributeNames, random);
  const value = node.attributes[name];
  if (Array.isArray(value) && random() < 0.7) changeList(value, random);
  else node.attributes[name] = anyAttribute(random);
}

function anyAttribute(random: Random): AttributeSpec {
  const kind = random();
  if (kind < 0.5) return pick(integers, random);
  if (kind < 0.75) return Array.from({ length: below(9, random) }, () => pick(integers, random));
  if (kind < 0.85) return { float: pick(floats, random) };
  if (kind < 0.92) return { text: pick(texts, random) };
  return { external: { dims: [pick(integers, random)], entries: { location: 'w.bin' } } };
}

function changeList(list: number[], random: Random): void {
  const kind = random();
  if (list.length === 0 || kind < 0.15) list.push(pick(integers, random));
  else if (kind < 0.3) list.pop();
  else list[below(list.length, random)] = kind < 0.65 ? pick(integers, random) : 1 + below(40, random);
}

function tensorNames(spec: ModelSpec): string[] {
  return [
    ...spec.inputs.map(({ name }) => name),
    ...Object.keys(spec.weights ?? {}),
    ...Object.keys(spec.int64s ?? {}),
    ...spec.nodes.flatMap(({ outputs }) => outputs),
  ];
}

function below(count: number, random: Random): number {
  return Math.floor(random() * count);
}

function pick<T>(list: readonly T[], random: Random): T {
  return list[below(list.length, random)]!;
}
