import type { OnnxNode } from '../../onnx/model.js';
import { Attributes } from '../attributes.js';
import type { Constant, FloatConstant } from '../constant.js';
import { refuse } from '../refusal.js';
import type { Dimension, Operation, Shape } from '../types.js';

/** A tensor that depends on the image. */
export interface ActivationValue {
  readonly kind: 'activation';
  readonly name: string;
  readonly shape: Shape;
}

export type Value = ActivationValue | Constant;

/** What one output of an ONNX node becomes. */
export interface Lowered {
  readonly operation: Operation;
  readonly inputs: readonly ActivationValue[];
  readonly shape: Shape;
}

/** One ONNX node and what is known of its inputs: what each operator's reader starts from. Its methods throw Refusal. */
export class NodeSource {
  readonly attributes: Attributes;

  constructor(
    readonly node: OnnxNode,
    readonly opset: number,
    /** undefined: an optional input that is left out. */
    readonly inputs: readonly (Value | undefined)[],
    /** Whether the embedding needs a tensor. */
    private readonly isRead: (tensor: string) => boolean,
  ) {
    this.attributes = new Attributes(node);
  }

  /** Exporters name outputs, such as Dropout's mask, that nobody reads. */
  get readsOnlyFirstOutput(): boolean {
    return this.node.outputs.slice(1).every((output) => output === '' || !this.isRead(output));
  }

  activation(index: number): ActivationValue {
    const value = this.inputs[index] ?? refuse(`input ${index} is missing`);
    return value.kind === 'activation' ? value : refuse(`input ${index} is a constant`);
  }

  /** An input that must be a constant of floats, e.g. weights; undefined when it is left out. */
  floats(index: number): FloatConstant | undefined {
    const value = this.inputs[index];
    if (value === undefined) return undefined;
    if (value.kind === 'activation') refuse(`input ${index} depends on the image: only constants can be used there`);
    return value.kind === 'floats' ? value : refuse(`input ${index} holds integers`);
  }

  /** A vector with a value for each of `count` channels. */
  vector(index: number, count: number): Float32Array {
    const constant = this.floats(index) ?? refuse(`input ${index} is missing`);
    if (constant.values.length !== count) {
      refuse(`input ${index} has ${constant.values.length} values instead of ${count}`);
    }
    return constant.values;
  }

  /** A single number; undefined when it is left out. */
  scalar(index: number): number | undefined {
    const constant = this.floats(index);
    if (constant === undefined) return undefined;
    return constant.values.length === 1 ? constant.values[0]! : refuse(`input ${index} is no single number`);
  }

  /** A list of lengths or indices; undefined when it is left out. */
  dimensions(index: number): readonly Dimension[] | undefined {
    const value = this.inputs[index];
    if (value === undefined) return undefined;
    if (value.kind === 'activation') refuse(`input ${index} depends on the image: only constants can be used there`);
    return value.kind === 'integers' ? value.values : refuse(`input ${index} holds no integers`);
  }

  /** As `dimensions`, without symbols. */
  integers(index: number): readonly number[] | undefined {
    const list = this.dimensions(index);
    return list?.map((item) => (item === 'N' ? refuse(`input ${index} depends on the batch`) : item));
  }

  /** Lists that were attributes before they became inputs (opset 10 to 13, depending on the operator). */
  integersOrAttribute(index: number, name: string): readonly number[] | undefined {
    return this.integers(index) ?? this.attributes.integers(name);
  }
}
