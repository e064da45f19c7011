import { seededRandom } from '../../../../src/server/data/random.js';
import type { AttributeSpec, ModelSpec, NodeSpec } from '../synthetic.js';

/**
 * A small random network from [N, 3, 10, 10]: convolutions (full, grouped, depthwise) with zero filters, normalisations, activations, pools,
 * sums, concatenations, at last a pooled or flattened output and sometimes a Gemm. The same for the same seed.
 */
export function randomModel(seed: number): ModelSpec {
  return new RandomModel(seed).finish();
}

interface Maps {
  readonly name: string;
  readonly channels: number;
  readonly size: number;
}

class RandomModel {
  readonly #random: () => number;
  readonly #nodes: NodeSpec[] = [];
  readonly #weights: NonNullable<ModelSpec['weights']> = {};
  #maps: Maps[] = [{ name: 'x', channels: 3, size: 10 }];
  #count = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  finish(): ModelSpec {
    this.#convolution(this.#maps[0]!);
    const steps = 6 + this.#below(10);
    for (let step = 0; step < steps; step++) this.#step();
    const last = this.#maps.at(-1)!;
    const output = this.#below(2) === 0 ? this.#pooled(last) : this.#classified(last);
    return {
      inputs: [{ name: 'x', shape: ['N', 3, 10, 10] }],
      outputs: [{ name: output }],
      nodes: this.#nodes,
      weights: this.#weights,
    };
  }

  #step(): void {
    // Mostly on the newest maps, so that the network is deep.
    const input = this.#maps[Math.max(0, this.#maps.length - 1 - (this.#below(4) === 0 ? this.#below(4) : 0))]!;
    const kind = this.#below(9);
    if (kind < 3) this.#convolution(input);
    else if (kind === 3) this.#normalisation(input);
    else if (kind < 6) this.#activation(input);
    else if (kind === 6 && input.size >= 4) this.#pool(input);
    else this.#join(input);
  }

  #convolution(input: Maps): void {
    const groups = [1, 1, input.channels, input.channels % 2 === 0 ? 2 : 1][this.#below(4)]!;
    const filters = groups * (1 + this.#below(groups === 1 ? 8 : 2));
    const side = [1, 3][this.#below(2)]!;
    const pad = side === 3 && (input.size < 4 || this.#below(2) === 0) ? 1 : 0;
    const stride = input.size >= 6 ? 1 + this.#below(2) : 1;
    const weights = this.#tensor([filters, input.channels / groups, side, side], filters);
    const inputs = this.#below(3) === 0 ? [input.name, weights] : [input.name, weights, this.#tensor([filters])];
    const size = Math.floor((input.size + 2 * pad - side) / stride) + 1;
    const attributes = { group: groups, pads: [pad, pad, pad, pad], strides: [stride, stride] };
    this.#add('Conv', inputs, { channels: filters, size }, attributes);
  }

  #normalisation(input: Maps): void {
    const parameters = [0, 1, 2].map(() => this.#tensor([input.channels]));
    const variance = `p${this.#count++}`;
    this.#weights[variance] = {
      dims: [input.channels],
      values: Array.from({ length: input.channels }, () => 0.5 + this.#random()),
    };
    this.#add('BatchNormalization', [input.name, ...parameters, variance], input);
  }

  #activation(input: Maps): void {
    const which = this.#below(5);
    if (which === 4) {
      const gate = this.#add('Sigmoid', [input.name], input);
      this.#add('Mul', [input.name, gate], input);
    } else if (which === 3) this.#add('LeakyRelu', [input.name], input, { alpha: { float: 0.2 } });
    else if (which === 2) this.#add('Dropout', [input.name], input);
    else this.#add('Relu', [input.name], input);
  }

  #pool(input: Maps): void {
    const size = Math.floor((input.size + 2 - 3) / 2) + 1;
    const attributes = { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] };
    const [op, more] = [['MaxPool', {}] as const, ['AveragePool', { count_include_pad: this.#below(2) }] as const][
      this.#below(2)
    ]!;
    this.#add(op, [input.name], { channels: input.channels, size }, { ...attributes, ...more });
  }

  /** A sum with maps of the same shape where there are some, else a concatenation with maps of the same size. */
  #join(input: Maps): void {
    const others = this.#maps.filter((maps) => maps !== input && maps.size === input.size);
    const same = others.filter((maps) => maps.channels === input.channels);
    if (same.length > 0) this.#add('Add', [input.name, same[this.#below(same.length)]!.name], input);
    else if (others.length > 0) {
      const other = others[this.#below(others.length)]!;
      const channels = input.channels + other.channels;
      this.#add('Concat', [other.name, input.name], { channels, size: input.size }, { axis: 1 });
    } else this.#convolution(input);
  }

  #pooled(input: Maps): string {
    return this.#add('GlobalAveragePool', [input.name], input);
  }

  #classified(input: Maps): string {
    const flat = this.#add('Flatten', [input.name], input);
    const length = input.channels * input.size * input.size;
    return this.#add('Gemm', [flat, this.#tensor([5, length]), this.#tensor([5])], input, { transB: 1 });
  }

  #add(op: string, inputs: string[], maps: Omit<Maps, 'name'>, attributes: Record<string, AttributeSpec> = {}): string {
    const name = `t${this.#count++}`;
    this.#nodes.push({ op, name: `${op}_${name}`, inputs, outputs: [name], attributes });
    this.#maps.push({ channels: maps.channels, size: maps.size, name });
    return name;
  }

  /** About a third of the `rows` (of a vector: of the values) are zero. */
  #tensor(dims: number[], rows = dims[0]!): string {
    const length = dims.reduce((product, side) => product * side, 1);
    const zero = Array.from({ length: rows }, () => this.#below(3) === 0);
    const values = Array.from({ length }, (_, index) =>
      zero[Math.floor((index * rows) / length)] ? 0 : 2 * this.#random() - 1,
    );
    const name = `p${this.#count++}`;
    this.#weights[name] = { dims, values };
    return name;
  }

  #below(count: number): number {
    return Math.floor(this.#random() * count);
  }
}
