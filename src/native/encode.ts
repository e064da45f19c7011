// A plan as the addon reads it: int32 words, first a header, then each step as its kind, its number of words and those words. Floats
// keep their bits; constants are their offset in units of 64 bytes and their length in bytes, or -1, 0 where there are none.
import type { Plan, Step } from './plan.js';
import { Words } from './words.js';

type Encoders = { readonly [Kind in Step['kind']]: (words: Words, step: Extract<Step, { kind: Kind }>) => void };

/**
 * Each writes its step's fields in the order in which `decode` of decode_*.cpp reads them. A kind's number is its place in this
 * table, as in `Step` of plan.h.
 */
const encoders: Encoders = {
  input: (words, step) => {
    const { top, left, bottom, right } = step.halo;
    words.views(step.output).integers(step.grid.rows, step.grid.columns, top, left, bottom, right);
  },
  shuffle: (words, step) => {
    words.views(step.input, step.output).float(step.fill).constants(step.entries, step.terms, step.permutations);
  },
  sparseConv: (words, step) => {
    words.views(step.input, step.output).optionalView(step.residual).pairs(step.strides).activation(step.activation);
    words.integers(step.blocks, step.stripes, step.parts);
    words.constants(step.bias, step.bases, step.starts, step.rows, step.offsets, step.values);
  },
  denseConv: (words, step) => {
    words.views(step.input, step.output).optionalView(step.residual);
    words.pairs(step.strides, step.kernel, step.dilations).activation(step.activation);
    words.constants(step.weights, step.bias);
  },
  winogradInput: (words, step) => {
    words.views(step.input).integers(step.phases, step.groups, step.points, step.output).constants(step.transform);
  },
  winogradConv: (words, step) => {
    words.views(step.output).optionalView(step.residual).activation(step.activation);
    words.integers(step.channels, step.strideRows, step.kernelRows, step.groups, step.points, step.input);
    words.constants(step.weights, step.bias, step.transform);
  },
  depthwise: (words, step) => {
    words.views(step.input, step.output).pairs(step.strides, step.kernel, step.dilations);
    words.activation(step.activation).constants(step.weights, step.bias);
  },
  pool: (words, step) => {
    words.views(step.input, step.output).pairs(step.strides, step.kernel, step.dilations);
    words.integers(step.mode === 'average' ? 1 : 0).constants(step.scale);
  },
  pointwise: (words, step) => {
    words.views(step.input, step.output).constants(step.scale, step.shift).activation(step.activation);
  },
  binary: (words, step) => {
    words.operator(step.operator).views(step.left).viewOrPlain(step.right).views(step.output);
    words.activation(step.activation);
  },
  globalAverage: (words, step) => {
    words.views(step.input).integers(step.output).constants(step.masks).integers(step.pixels);
  },
  toPlain: (words, step) => {
    words.views(step.input).integers(step.height, step.width, step.grid.rows, step.grid.columns, step.output);
  },
  fromPlain: (words, step) => {
    words.views(step.output).integers(step.height, step.width, step.grid.rows, step.grid.columns, step.input);
  },
  plainCopy: (words, step) => {
    words.integers(step.input, step.output).dims(step.dims);
    words.strides(step.dims.length, step.inputStrides, step.outputStrides);
  },
  plainFill: (words, step) => {
    words.integers(step.count, step.output).float(step.value);
  },
  plainPointwise: (words, step) => {
    words.integers(step.channels, step.inner, step.input, step.output).constants(step.scale, step.shift);
    words.activation(step.activation);
  },
  plainBinary: (words, step) => {
    words.operator(step.operator).integers(step.left, step.right).dims(step.dims).integers(step.output);
    words.strides(step.dims.length, step.leftStrides, step.rightStrides).activation(step.activation);
  },
  softmax: (words, step) => {
    words.integers(step.outer, step.length, step.inner, step.input, step.output);
  },
  denseLinear: (words, step) => {
    words.integers(step.inputs, step.outputs, step.input, step.output).activation(step.activation);
    words.constants(step.weights, step.bias);
  },
  sparseLinear: (words, step) => {
    words.integers(step.inputs, step.outputs, step.input, step.output).activation(step.activation);
    words.constants(step.starts, step.indices, step.values, step.bias);
  },
};

export const stepKinds = Object.keys(encoders) as readonly Step['kind'][];

/**
 * 'HWP' and a number, as in plan.cpp. Changes with the order of fields, so that words of another order are refused. What
 * else an addon of other sources would get wrong, load.ts keeps out.
 */
const magic = 0x48575033;

/** @throws RangeError naming the step, when a number does not fit its word (what the words mean is checked by the addon). */
export function encodePlan(plan: Plan): Int32Array {
  const words = new Words();
  words.integers(magic, plan.input.channels, plan.input.height, plan.input.width, plan.arenaVectors);
  words.integers(plan.output.length, plan.output.offset, plan.steps.length);
  for (const [index, step] of plan.steps.entries()) {
    try {
      const fields = encodeFields(step);
      words.integers(stepKinds.indexOf(step.kind), fields.length).append(fields);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new RangeError(`plan: step ${index} (${step.kind}): ${error.message}`);
    }
  }
  return words.array();
}

function encodeFields(step: Step): Words {
  const words = new Words();
  const encode = encoders[step.kind] as (words: Words, step: Step) => void;
  encode(words, step);
  return words;
}
