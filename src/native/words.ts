import type { Activation, BinaryOperator, Constants, Pair, View } from './plan.js';

const activationKinds = ['none', 'relu', 'sigmoid', 'silu', 'hardSwish', 'leakyRelu', 'clip', 'hardSigmoid'] as const;
const binaryOperators: readonly BinaryOperator[] = ['Add', 'Sub', 'Mul', 'Div'];
/** Of constants' offsets, in bytes. */
const alignment = 64;

/** A growing list of int32 words. What does not fit a word is a RangeError. */
export class Words {
  readonly #words: number[] = [];
  readonly #float = new Float32Array(1);
  readonly #bits = new Int32Array(this.#float.buffer);

  get length(): number {
    return this.#words.length;
  }

  array(): Int32Array {
    return Int32Array.from(this.#words);
  }

  append(words: Words): void {
    for (const word of words.#words) this.#words.push(word);
  }

  integers(...values: readonly number[]): this {
    for (const value of values) {
      if ((value | 0) !== value) throw new RangeError(`${value} is no 32-bit integer`);
      this.#words.push(value);
    }
    return this;
  }

  float(value: number): this {
    this.#float[0] = value;
    this.#words.push(this.#bits[0] ?? 0);
    return this;
  }

  views(...views: readonly View[]): this {
    for (const view of views) {
      this.integers(view.offset, view.rowPitch, view.channelPitch, view.channels, view.rows, view.columns);
    }
    return this;
  }

  optionalView(view: View | undefined): this {
    return view === undefined ? this.integers(0) : this.integers(1).views(view);
  }

  /** A view, or the offset of a plain tensor. */
  viewOrPlain(right: View | number): this {
    return typeof right === 'number' ? this.integers(0, right) : this.integers(1).views(right);
  }

  pairs(...pairs: readonly Pair[]): this {
    for (const [rows, columns] of pairs) this.integers(rows, columns);
    return this;
  }

  activation(activation: Activation): this {
    const [a, b] = activationNumbers(activation);
    return this.integers(activationKinds.indexOf(activation.kind)).float(a).float(b);
  }

  operator(operator: BinaryOperator): this {
    return this.integers(binaryOperators.indexOf(operator));
  }

  dims(dims: readonly number[]): this {
    return this.integers(dims.length, ...dims);
  }

  /** One list of strides for each tensor, each with one stride an axis. */
  strides(axes: number, ...lists: readonly (readonly number[])[]): this {
    for (const strides of lists) {
      if (strides.length !== axes) throw new RangeError(`${strides.length} strides for ${axes} axes`);
      this.integers(...strides);
    }
    return this;
  }

  constants(...list: readonly (Constants | undefined)[]): this {
    for (const constants of list) {
      if (constants === undefined) {
        this.integers(-1, 0);
        continue;
      }
      if (constants.offset % alignment !== 0) {
        throw new RangeError(`constants at ${constants.offset} are not aligned to ${alignment} bytes`);
      }
      this.integers(constants.offset / alignment, constants.bytes);
    }
    return this;
  }
}

function activationNumbers(activation: Activation): readonly [number, number] {
  switch (activation.kind) {
    case 'leakyRelu':
      return [activation.slope, 0];
    case 'clip':
      return [activation.min, activation.max];
    case 'hardSigmoid':
      return [activation.alpha, activation.beta];
    default:
      return [0, 0];
  }
}
