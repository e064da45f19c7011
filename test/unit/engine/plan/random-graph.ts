import { removeDeadNodes } from '../../../../src/engine/graph/passes/dead-nodes.js';
import type {
  ActivationFunction,
  BinaryOperator,
  Graph,
  GraphNode,
  Operation,
  Pads,
  Pair,
} from '../../../../src/engine/graph/types.js';
import { seededRandom } from '../../../../src/server/data/random.js';

/**
 * A random typed graph with every operation that there is, over images of odd sizes: windows of all shapes, groups, residuals, concatenations,
 * slices, squeeze-and-excitation, detours over other shapes. The same for the same seed.
 */
export function randomGraph(seed: number): Graph {
  return new RandomGraph(seed).finish();
}

interface Maps {
  readonly name: string;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

const mostValues = 20_000;

class RandomGraph {
  readonly #random: () => number;
  readonly #nodes: GraphNode[] = [];
  readonly #maps: Maps[] = [];
  readonly #steps: readonly ((input: Maps) => void)[] = [
    (input) => this.#convolution(input),
    (input) => this.#convolution(input),
    (input) => this.#convolution(input),
    (input) => this.#residualBlock(input),
    (input) => this.#pool(input),
    (input) => this.#elementwise(input),
    (input) => this.#binary(input),
    (input) => this.#concat(input),
    (input) => this.#slice(input),
    (input) => this.#resizeOrPad(input),
    (input) => this.#excitation(input),
    (input) => this.#detour(input),
  ];

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  finish(): Graph {
    const [channels, height, width] = [this.#from(1, 4), this.#from(5, 33), this.#from(5, 33)];
    this.#maps.push({ name: 'x', channels, height, width });
    const count = this.#from(3, 10);
    for (let step = 0; step < count; step++) this.#pick(this.#steps)(this.#input());
    const last = this.#maps.at(-1)!;
    const ends = [
      () => last.name,
      () => this.#pooled(last).name,
      () => this.#classified(last),
      () => this.#everything(),
    ];
    const output = this.#pick(ends)();
    const input = { name: 'x', shape: ['N', channels, height, width] } as const;
    return removeDeadNodes({ input, nodes: this.#nodes, output }).graph;
  }

  /** Mostly the newest maps. */
  #input(): Maps {
    const back = this.#below(3) === 0 ? this.#below(4) : 0;
    return this.#maps[Math.max(0, this.#maps.length - 1 - back)]!;
  }

  #convolution(input: Maps): void {
    const kind = this.#below(5);
    const divisor = [2, 3].find((count) => input.channels % count === 0) ?? 1;
    const group = kind === 0 ? input.channels : kind === 1 ? divisor : 1;
    const filters = group * this.#from(1, group === 1 ? 20 : 3);
    const window = this.#window(input, 5);
    const size = outputSize(input, window);
    if (size === undefined || filters * size[0] * size[1] > mostValues) return;
    const { kernel, ...rest } = window;
    const perGroup = input.channels / group;
    const same = this.#maps.filter(
      (maps) => maps.channels === filters && maps.height === size[0] && maps.width === size[1],
    );
    const residual = same.length > 0 && this.#below(2) === 0 ? this.#pick(same) : undefined;
    const sparsity = this.#pick([0, 0.3, 0.8, 0.95]);
    const operation: Operation = {
      type: 'Conv',
      weights: this.#values(filters * perGroup * kernel[0] * kernel[1], sparsity, 1 / Math.sqrt(perGroup * kernel[0])),
      weightShape: [filters, perGroup, kernel[0], kernel[1]],
      bias: this.#values(filters, 0, 1),
      ...rest,
      group,
      residual: residual !== undefined,
      activation: this.#activation(),
    };
    const inputs = residual === undefined ? [input.name] : [input.name, residual.name];
    this.#add(operation, inputs, filters, size[0], size[1]);
  }

  /** Maps, and a convolution of them that adds them, as a network has it: mostly nobody reads them afterwards. */
  #residualBlock(input: Maps): void {
    const { name, channels, height, width } = input;
    if (channels * height * width > mostValues / 4) return;
    const side = this.#pick([1, 3]);
    const pad = side >> 1;
    const convolution = (sparsity: number, residual: boolean): Operation => ({
      type: 'Conv',
      weights: this.#values(channels * channels * side * side, sparsity, 1 / Math.sqrt(channels * side)),
      weightShape: [channels, channels, side, side],
      bias: this.#values(channels, 0, 1),
      strides: one,
      dilations: one,
      pads: [pad, pad, pad, pad],
      group: 1,
      residual,
      activation: this.#activation(),
    });
    const inner = this.#add(convolution(0.7, false), [name], channels, height, width);
    this.#add(convolution(this.#pick([0.3, 0.8]), true), [inner.name, name], channels, height, width);
  }

  #pool(input: Maps): void {
    const whole = this.#below(6) === 0;
    const window = whole
      ? { kernel: [input.height, input.width] as Pair, strides: one, dilations: one, pads: none }
      : this.#window(input, 4);
    const { kernel, dilations } = window;
    const padded = window.pads.some((length, side) => length >= dilations[side % 2]! * (kernel[side % 2]! - 1) + 1);
    const dilated = dilations.some((step) => step > 1) && window.pads.some((length) => length > 0);
    const size = outputSize(input, window);
    if (size === undefined || padded || dilated) return;
    const type = this.#pick(['MaxPool', 'AveragePool'] as const);
    const operation = { type, countPadding: this.#below(2) === 0, ...window };
    this.#add(operation, [input.name], input.channels, size[0], size[1]);
  }

  #window(input: Maps, longest: number): { kernel: Pair; strides: Pair; dilations: Pair; pads: Pads } {
    const square = this.#below(3) > 0;
    const pair = (least: number, most: number): Pair => {
      const first = this.#from(least, most);
      return [first, square ? first : this.#from(least, most)];
    };
    const kernel = pair(1, Math.min(longest, input.height, input.width));
    const pad = () => this.#below(Math.min(4, Math.max(...kernel)));
    const all = pad();
    const pads: Pads = square ? [all, all, all, all] : [pad(), pad(), pad(), pad()];
    const dilations = this.#below(4) === 0 ? pair(1, 3) : one;
    return { kernel, strides: this.#below(2) === 0 ? one : pair(1, 3), dilations, pads };
  }

  #elementwise(input: Maps): void {
    const activation = this.#activation();
    const operation: Operation =
      this.#below(2) === 0
        ? {
            type: 'ScaleShift',
            scale: this.#values(input.channels, 0, 1),
            shift: this.#values(input.channels, 0, 1),
            activation,
          }
        : { type: 'Activation', activation: activation ?? { kind: 'relu' } };
    this.#add(operation, [input.name], input.channels, input.height, input.width);
  }

  #binary(input: Maps): void {
    const others = this.#maps.filter(({ height, width }) => height === input.height && width === input.width);
    let other = this.#pick(others);
    if (this.#below(3) === 0) other = this.#channel(input);
    if (other.channels !== input.channels && other.channels !== 1 && input.channels !== 1) return;
    const operator = this.#pick(['Add', 'Sub', 'Mul', 'Div'] as const);
    const bounded = operator === 'Div' ? this.#bounded(other) : other;
    const [left, right] = operator !== 'Div' && this.#below(2) === 0 ? [bounded, input] : [input, bounded];
    this.#addBinary(operator, left, right);
  }

  /** The first channel as maps of their own. */
  #channel({ name, height, width }: Maps): Maps {
    return this.#add({ type: 'Slice', starts: [0, 0, 0, 0], steps: [1, 1, 1, 1] }, [name], 1, height, width);
  }

  /** Away from zero, to divide by it. */
  #bounded({ name, channels, height, width }: Maps): Maps {
    const activation = { kind: 'clip', min: 0.5, max: 2 } as const;
    return this.#add({ type: 'Activation', activation }, [name], channels, height, width);
  }

  #addBinary(operator: BinaryOperator, left: Maps, right: Maps): Maps {
    const [channels, height, width] = (['channels', 'height', 'width'] as const).map((key) =>
      Math.max(left[key], right[key]),
    );
    const operation: Operation = { type: 'Binary', operator, activation: this.#activation() };
    return this.#add(operation, [left.name, right.name], channels!, height!, width!);
  }

  #concat(input: Maps): void {
    const same = this.#maps.filter(({ height, width }) => height === input.height && width === input.width);
    const parts = Array.from({ length: this.#from(1, 3) }, () => this.#pick(same));
    const all = this.#below(2) === 0 ? [input, ...parts] : [...parts, input];
    const channels = all.reduce((sum, maps) => sum + maps.channels, 0);
    if (channels * input.height * input.width > mostValues) return;
    const names = all.map(({ name }) => name);
    this.#add({ type: 'Concat', axis: 1 }, names, channels, input.height, input.width);
  }

  #slice(input: Maps): void {
    const lengths = [1, input.channels, input.height, input.width];
    const axes = this.#pick([[1], [1], [2, 3], [3], [1, 2, 3]]);
    const [starts, steps] = [
      [0, 0, 0, 0],
      [1, 1, 1, 1],
    ];
    for (const axis of axes) {
      starts[axis] = this.#below(Math.ceil(lengths[axis]! / 2));
      steps[axis] = this.#from(1, 2);
      const most = Math.ceil((lengths[axis]! - starts[axis]!) / steps[axis]!);
      lengths[axis] = this.#from(Math.ceil(most / 2), most);
    }
    this.#add({ type: 'Slice', starts, steps }, [input.name], lengths[1]!, lengths[2]!, lengths[3]!);
  }

  #resizeOrPad({ name, channels, height, width }: Maps): void {
    if (this.#below(2) === 0) {
      const factors: Pair = [this.#from(1, 3), this.#from(1, 3)];
      if (channels * height * factors[0] * width * factors[1] > mostValues) return;
      this.#add({ type: 'Resize', factors }, [name], channels, height * factors[0], width * factors[1]);
    } else {
      const pads: Pads = [this.#below(3), this.#below(3), this.#below(3), this.#below(3)];
      const small = Math.min(height, width) < 3;
      const value = this.#pick([0, 0, 1.5, small ? 0 : Number.NEGATIVE_INFINITY]);
      // Infinity only where a maximum comes next: everything else makes NaN of it.
      const padded = this.#add(
        { type: 'Pad', pads, value },
        [name],
        channels,
        height + pads[0] + pads[2],
        width + pads[1] + pads[3],
      );
      if (Number.isFinite(value)) return;
      this.#maps.pop();
      const size: Pair = [padded.height - 2, padded.width - 2];
      const window = { kernel: [3, 3] as Pair, strides: one, dilations: one, pads: none };
      this.#add({ type: 'MaxPool', countPadding: false, ...window }, [padded.name], channels, size[0], size[1]);
    }
  }

  /** Squeeze and excitation: x times the sigmoid of two products of its mean. */
  #excitation(input: Maps): void {
    const squeezed = this.#pooled(input);
    const inner = this.#from(1, 6);
    const hidden = this.#onePixel(squeezed, inner, { kind: 'relu' });
    const gate = this.#onePixel(hidden, this.#below(4) === 0 ? 1 : input.channels, { kind: 'sigmoid' });
    const [left, right] = this.#below(2) === 0 ? [input, gate] : [gate, input];
    this.#addBinary('Mul', left, right);
  }

  #onePixel({ name, channels }: Maps, filters: number, activation: ActivationFunction): Maps {
    const operation: Operation = {
      type: 'Conv',
      weights: this.#values(filters * channels, this.#pick([0, 0.7]), 1),
      weightShape: [filters, channels, 1, 1],
      bias: this.#values(filters, 0, 1),
      strides: one,
      dilations: one,
      pads: none,
      group: 1,
      residual: false,
      activation,
    };
    return this.#add(operation, [name], filters, 1, 1);
  }

  /** Through shapes that tiles do not hold, and back. */
  #detour({ name, channels, height, width }: Maps): void {
    switch (this.#below(3)) {
      case 0:
        this.#add({ type: 'Softmax', axis: 1 + this.#below(3) }, [name], channels, height, width);
        return;
      case 1:
        this.#add({ type: 'Transpose', permutation: [0, 1, 3, 2] }, [name], channels, width, height);
        return;
      default: {
        // Channel shuffle.
        const groups = [2, 3].find((count) => channels % count === 0) ?? 1;
        const each = channels / groups;
        const apart = this.#node({ type: 'Reshape' }, [name], ['N', groups, each, height, width]);
        const permutation = [0, 2, 1, 3, 4];
        const swapped = this.#node({ type: 'Transpose', permutation }, [apart], ['N', each, groups, height, width]);
        this.#add({ type: 'Reshape' }, [swapped], channels, height, width);
      }
    }
  }

  #pooled({ name, channels }: Maps): Maps {
    return this.#add({ type: 'GlobalAveragePool' }, [name], channels, 1, 1);
  }

  #classified(input: Maps): string {
    const length = input.channels * input.height * input.width;
    const flat = this.#node({ type: 'Reshape' }, [input.name], ['N', length]);
    // Several, for one alone may be a sum that cancels out.
    const outputs = this.#from(8, 20);
    const scores = this.#node(
      {
        type: 'Linear',
        weights: this.#values(outputs * length, this.#pick([0, 0.8]), 1 / Math.sqrt(length)),
        weightShape: [outputs, length],
        bias: this.#values(outputs, 0, 1),
        activation: this.#activation(),
      },
      [flat],
      ['N', outputs],
    );
    return this.#below(2) === 0 ? scores : this.#node({ type: 'Softmax', axis: 1 }, [scores], ['N', outputs]);
  }

  /** All maps, so that none is wrong unseen. */
  #everything(): string {
    const parts = this.#maps.map(({ name, channels, height, width }) => {
      const length = channels * height * width;
      return { name: this.#node({ type: 'Reshape' }, [name], ['N', length]), length };
    });
    const total = parts.reduce((sum, { length }) => sum + length, 0);
    const names = parts.map(({ name }) => name);
    return this.#node({ type: 'Concat', axis: 1 }, names, ['N', total]);
  }

  #activation(): ActivationFunction | undefined {
    return this.#pick([
      undefined,
      undefined,
      { kind: 'relu' },
      { kind: 'relu' },
      { kind: 'sigmoid' },
      { kind: 'silu' },
      { kind: 'hardSwish' },
      { kind: 'leakyRelu', slope: 0.1 },
      { kind: 'clip', min: -0.5, max: 6 },
      { kind: 'hardSigmoid', alpha: 0.2, beta: 0.5 },
    ] as const);
  }

  #add(operation: Operation, inputs: string[], channels: number, height: number, width: number): Maps {
    const maps = { name: this.#node(operation, inputs, ['N', channels, height, width]), channels, height, width };
    this.#maps.push(maps);
    return maps;
  }

  #node(operation: Operation, inputs: string[], shape: GraphNode['shape']): string {
    const output = `t${this.#nodes.length}`;
    this.#nodes.push({ name: `${operation.type} ${output}`, operation, inputs, output, shape });
    return output;
  }

  #values(length: number, sparsity: number, scale: number): Float32Array {
    return Float32Array.from({ length }, () => (this.#random() < sparsity ? 0 : scale * (2 * this.#random() - 1)));
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#below(list.length)]!;
  }

  #from(least: number, most: number): number {
    return least + this.#below(most - least + 1);
  }

  #below(count: number): number {
    return Math.floor(this.#random() * count);
  }
}

const one: Pair = [1, 1];
const none: Pads = [0, 0, 0, 0];

function outputSize(
  { height, width }: Maps,
  { kernel, strides, dilations, pads }: { kernel: Pair; strides: Pair; dilations: Pair; pads: Pads },
): Pair | undefined {
  const [down, across] = ([0, 1] as const).map((axis) => {
    const room = [height, width][axis]! + pads[axis] + pads[2 + axis]! - (dilations[axis] * (kernel[axis] - 1) + 1);
    return room < 0 ? 0 : Math.floor(room / strides[axis]) + 1;
  });
  return down! > 0 && across! > 0 ? [down!, across!] : undefined;
}
