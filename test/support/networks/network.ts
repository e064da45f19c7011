import type { Random } from '../../../src/server/data/random.js';
import { seededRandom } from '../../../src/server/data/random.js';
import type { AttributeSpec, ModelSpec } from '../../unit/engine/synthetic.js';
import type { Pruning } from './pruning.js';
import { dense, mixedPruning, prunedWeights } from './pruning.js';

/** A tensor of the network: its name and its shape behind the batch, [channels] or [channels, height, width]. */
export interface Maps {
  readonly name: string;
  readonly shape: readonly number[];
}

export interface NetworkOptions {
  readonly opset: number;
  /** Height and width of the image. */
  readonly size: readonly [number, number];
  readonly seed?: number;
  /** How layer n is pruned; `mixedPruning` when left out. */
  readonly pruning?: (layer: number) => Pruning;
}

export interface ConvOptions {
  readonly stride?: number;
  /** (kernel - 1) / 2 times the dilation when left out. */
  readonly pad?: number;
  readonly group?: number;
  readonly dilation?: number;
  /** A bias of its own; without one a BatchNormalization is expected behind it. */
  readonly bias?: boolean;
  readonly pruning?: Pruning;
}

export interface PoolOptions {
  readonly stride?: number;
  readonly pad?: number;
  readonly ceil?: boolean;
  readonly countPadding?: boolean;
}

/**
 * Writes a network with random weights, as exporters write it under the given operator set: what was an attribute in one is an input in the
 * next. The same for the same seed.
 */
export class Network {
  readonly opset: number;
  readonly input: Maps;
  readonly #random: Random;
  readonly #pruning: (layer: number) => Pruning;
  readonly #size: readonly [number, number];
  readonly #nodes: ModelSpec['nodes'] = [];
  readonly #weights: NonNullable<ModelSpec['weights']> = {};
  readonly #int64s: NonNullable<ModelSpec['int64s']> = {};
  #count = 0;
  #layers = 0;

  constructor({ opset, size, seed = 1, pruning = mixedPruning }: NetworkOptions) {
    this.opset = opset;
    this.#size = size;
    this.input = { name: 'image', shape: [3, ...size] };
    this.#random = seededRandom(seed);
    this.#pruning = pruning;
  }

  finish(output: Maps): ModelSpec {
    return {
      inputs: [{ name: this.input.name, shape: ['N', 3, ...this.#size] }],
      outputs: [{ name: output.name, shape: ['N', ...output.shape] }],
      nodes: this.#nodes,
      weights: this.#weights,
      int64s: this.#int64s,
      opset: this.opset,
    };
  }

  /** The first convolution is dense, as networks that are pruned leave it. */
  conv(x: Maps, filters: number, kernel: number | readonly [number, number], options: ConvOptions = {}): Maps {
    const [rows, columns] = typeof kernel === 'number' ? [kernel, kernel] : kernel;
    const { stride = 1, group = 1, dilation = 1, bias = false } = options;
    const [down, across] = [rows, columns].map((length) => options.pad ?? ((length - 1) >> 1) * dilation) as [
      number,
      number,
    ];
    const layer = this.#layers++;
    const inputs = x.shape[0]! / group;
    const pruning = options.pruning ?? (layer === 0 || inputs === 1 ? dense : this.#pruning(layer));
    const dims = [filters, inputs, rows, columns];
    const weights = this.#weight(dims, prunedWeights(dims, pruning, this.#random));
    return this.#add('Conv', bias ? [x.name, weights, this.vector(filters, -0.2, 0.2)] : [x.name, weights], {
      shape: [filters, ...this.#window(x, [rows, columns], [down, across], stride, dilation, false)],
      attributes: {
        kernel_shape: [rows, columns],
        strides: [stride, stride],
        pads: [down, across, down, across],
        dilations: [dilation, dilation],
        group,
      },
    });
  }

  /** @param gain about what the result is larger than the input: small ones at the end of residual branches keep deep networks tame */
  batchNorm(x: Maps, gain = 1): Maps {
    const channels = x.shape[0]!;
    const parameters = [
      this.vector(channels, 0.7 * gain, 1.3 * gain),
      this.vector(channels, -0.3, 0.2),
      this.vector(channels, -0.2, 0.2),
      this.vector(channels, 0.6, 1.4),
    ];
    return this.#add('BatchNormalization', [x.name, ...parameters], {
      shape: x.shape,
      attributes: { epsilon: { float: 1e-5 } },
    });
  }

  relu(x: Maps): Maps {
    return this.#add('Relu', [x.name], { shape: x.shape });
  }

  leakyRelu(x: Maps, slope = 0.1): Maps {
    return this.#add('LeakyRelu', [x.name], { shape: x.shape, attributes: { alpha: { float: slope } } });
  }

  clip(x: Maps, min: number, max: number): Maps {
    const { shape } = x;
    if (this.opset < 11)
      return this.#add('Clip', [x.name], { shape, attributes: { min: { float: min }, max: { float: max } } });
    return this.#add('Clip', [x.name, this.scalar(min), this.scalar(max)], { shape });
  }

  sigmoid(x: Maps): Maps {
    return this.#add('Sigmoid', [x.name], { shape: x.shape });
  }

  silu(x: Maps): Maps {
    return this.mul(x, this.sigmoid(x));
  }

  hardSigmoid(x: Maps): Maps {
    return this.#add('HardSigmoid', [x.name], {
      shape: x.shape,
      attributes: { alpha: { float: 1 / 6 }, beta: { float: 0.5 } },
    });
  }

  /** The operator since opset 14; before as exporters spell it: x * HardSigmoid(x), or x * Clip(x + 3, 0, 6) / 6 below opset 11. */
  hardSwish(x: Maps): Maps {
    if (this.opset >= 14) return this.#add('HardSwish', [x.name], { shape: x.shape });
    if (this.opset >= 11) return this.mul(x, this.hardSigmoid(x));
    const gate = this.clip(this.#withScalar('Add', x, 3), 0, 6);
    return this.#withScalar('Div', this.mul(x, gate), 6);
  }

  softmax(x: Maps, axis: number): Maps {
    return this.#add('Softmax', [x.name], { shape: x.shape, attributes: { axis } });
  }

  dropout(x: Maps): Maps {
    if (this.opset >= 12) return this.#add('Dropout', [x.name, this.scalar(0.5)], { shape: x.shape });
    return this.#add('Dropout', [x.name], { shape: x.shape, attributes: { ratio: { float: 0.5 } } });
  }

  add(x: Maps, y: Maps): Maps {
    return this.#add('Add', [x.name, y.name], { shape: x.shape });
  }

  /** `y` may have one value a channel. */
  mul(x: Maps, y: Maps): Maps {
    return this.#add('Mul', [x.name, y.name], { shape: x.shape });
  }

  concat(parts: readonly Maps[], axis = 1): Maps {
    const shape = [...parts[0]!.shape];
    shape[axis - 1] = parts.reduce((sum, part) => sum + part.shape[axis - 1]!, 0);
    return this.#add(
      'Concat',
      parts.map(({ name }) => name),
      { shape, attributes: { axis } },
    );
  }

  maxPool(x: Maps, kernel: number, options: PoolOptions = {}): Maps {
    return this.#pool('MaxPool', x, kernel, options);
  }

  averagePool(x: Maps, kernel: number, options: PoolOptions = {}): Maps {
    return this.#pool('AveragePool', x, kernel, options);
  }

  globalAveragePool(x: Maps): Maps {
    return this.#add('GlobalAveragePool', [x.name], { shape: [x.shape[0]!, 1, 1] });
  }

  reduceMean(x: Maps, keep: boolean): Maps {
    const shape = keep ? [x.shape[0]!, 1, 1] : [x.shape[0]!];
    const keepdims = keep ? 1 : 0;
    if (this.opset >= 18)
      return this.#add('ReduceMean', [x.name, this.integers([2, 3])], { shape, attributes: { keepdims } });
    return this.#add('ReduceMean', [x.name], { shape, attributes: { axes: [2, 3], keepdims } });
  }

  flatten(x: Maps): Maps {
    return this.#add('Flatten', [x.name], { shape: [count(x)], attributes: { axis: 1 } });
  }

  reshape(x: Maps, shape: readonly number[]): Maps {
    return this.#add('Reshape', [x.name, this.integers([0, ...shape])], { shape });
  }

  squeeze(x: Maps): Maps {
    const shape = [x.shape[0]!];
    if (this.opset >= 13) return this.#add('Squeeze', [x.name, this.integers([2, 3])], { shape });
    return this.#add('Squeeze', [x.name], { shape, attributes: { axes: [2, 3] } });
  }

  /** `permutation` counts the batch as axis 0. */
  transpose(x: Maps, permutation: readonly number[]): Maps {
    const shape = permutation.slice(1).map((axis) => x.shape[axis - 1]!);
    return this.#add('Transpose', [x.name], { shape, attributes: { perm: [...permutation] } });
  }

  /** Nearest neighbour, by `factor`: Upsample up to opset 9, Resize with scales since (with sizes where `sizes` is set and may be). */
  resize(x: Maps, factor: number, sizes = false): Maps {
    const [channels, height, width] = x.shape as [number, number, number];
    const shape = [channels, height * factor, width * factor];
    const nearest = { mode: { text: 'nearest' } };
    const scales = [1, 1, factor, factor];
    if (this.opset < 9)
      return this.#add('Upsample', [x.name], { shape, attributes: { ...nearest, scales: { floats: scales } } });
    const input = sizes ? '' : this.#weight([4], Float32Array.from(scales));
    if (this.opset < 11)
      return this.#add(this.opset < 10 ? 'Upsample' : 'Resize', [x.name, input], { shape, attributes: nearest });
    const attributes = {
      ...nearest,
      coordinate_transformation_mode: { text: sizes ? 'half_pixel' : 'asymmetric' },
      nearest_mode: { text: sizes ? 'round_prefer_floor' : 'floor' },
    };
    // The region of interest: up to operator set 12 exporters give one, of no values.
    const region = this.opset < 13 ? this.#weight([0], new Float32Array(0)) : '';
    if (!sizes) return this.#add('Resize', [x.name, region, input], { shape, attributes });
    // A fixed size has a fixed batch in it, so it is made from the input's shape, as exporters do.
    const whole = this.#helper('Shape', [x.name]);
    const batch = this.#helper('Slice', [whole, this.integers([0]), this.integers([1])]);
    const target = this.#helper('Concat', [batch, this.integers(shape)], { axis: 0 });
    return this.#add('Resize', [x.name, region, '', target], { shape, attributes });
  }

  /** By `value` around height and width: [top, left, bottom, right]. */
  pad(x: Maps, [top, left, bottom, right]: readonly [number, number, number, number], value = 0): Maps {
    const [channels, height, width] = x.shape as [number, number, number];
    const shape = [channels, height + top + bottom, width + left + right];
    const pads = [0, 0, top, left, 0, 0, bottom, right];
    if (this.opset < 11) return this.#add('Pad', [x.name], { shape, attributes: { pads, value: { float: value } } });
    return this.#add('Pad', [x.name, this.integers(pads), this.scalar(value)], { shape });
  }

  /** Parts of the channels. */
  split(x: Maps, lengths: readonly number[]): Maps[] {
    const outputs = lengths.map((_, part) => `Split_${this.#count}:${part}`);
    const name = `Split_${this.#count++}`;
    const byInput = this.opset >= 13;
    this.#nodes.push({
      op: 'Split',
      name,
      inputs: byInput ? [x.name, this.integers([...lengths])] : [x.name],
      outputs,
      attributes: byInput ? { axis: 1 } : { axis: 1, split: [...lengths] },
    });
    return outputs.map((output, part) => ({ name: output, shape: [lengths[part]!, ...x.shape.slice(1)] }));
  }

  /** Every second pixel from (row, column) on. */
  everySecondPixel(x: Maps, row: number, column: number): Maps {
    const part = this.#slice(x, 1, row);
    return this.#slice(part, 2, column);
  }

  /** Rows and columns [from, to) of the image; steps need opset 10. */
  crop(x: Maps, from: readonly [number, number], to: readonly [number, number]): Maps {
    const shape = [x.shape[0]!, to[0] - from[0], to[1] - from[1]];
    if (this.opset < 10) {
      return this.#add('Slice', [x.name], { shape, attributes: { starts: [...from], ends: [...to], axes: [2, 3] } });
    }
    const inputs = [[...from], [...to], [2, 3]].map((list) => this.integers(list));
    return this.#add('Slice', [x.name, ...inputs], { shape });
  }

  /** y = x W^T + b. */
  gemm(x: Maps, outputs: number, pruning: Pruning = this.#pruning(this.#layers++)): Maps {
    const dims = [outputs, x.shape[0]!];
    const weights = this.#weight(dims, prunedWeights(dims, pruning, this.#random));
    return this.#add('Gemm', [x.name, weights, this.vector(outputs, -0.2, 0.2)], {
      shape: [outputs],
      attributes: { transB: 1 },
    });
  }

  matMul(x: Maps, outputs: number): Maps {
    const dims = [x.shape[0]!, outputs];
    const weights = prunedWeights(dims, this.#pruning(this.#layers++), this.#random);
    return this.#add('MatMul', [x.name, this.#weight(dims, weights)], { shape: [outputs] });
  }

  /** An Add of a constant with one value a channel. */
  addVector(x: Maps): Maps {
    return this.#add('Add', [x.name, this.vector(x.shape[0]!, -0.5, 0.5)], { shape: x.shape });
  }

  vector(length: number, from: number, to: number): string {
    return this.#weight(
      [length],
      Float32Array.from({ length }, () => from + (to - from) * this.#random()),
    );
  }

  scalar(value: number): string {
    return this.#weight([], Float32Array.of(value));
  }

  integers(list: readonly number[]): string {
    const name = `integers_${this.#count++}`;
    this.#int64s[name] = [...list];
    return name;
  }

  #slice(x: Maps, axis: number, start: number): Maps {
    const shape = x.shape.map((length, at) => (at === axis ? Math.ceil((length - start) / 2) : length));
    const inputs = [[start], [2 ** 53 - 1], [axis + 1], [2]].map((list) => this.integers(list));
    return this.#add('Slice', [x.name, ...inputs], { shape });
  }

  #withScalar(op: 'Add' | 'Div', x: Maps, value: number): Maps {
    return this.#add(op, [x.name, this.scalar(value)], { shape: x.shape });
  }

  #pool(op: 'MaxPool' | 'AveragePool', x: Maps, kernel: number, options: PoolOptions): Maps {
    const { stride = 1, pad = 0, ceil = false, countPadding = false } = options;
    return this.#add(op, [x.name], {
      shape: [x.shape[0]!, ...this.#window(x, [kernel, kernel], [pad, pad], stride, 1, ceil)],
      attributes: {
        kernel_shape: [kernel, kernel],
        strides: [stride, stride],
        pads: [pad, pad, pad, pad],
        ...(ceil ? { ceil_mode: 1 } : {}),
        ...(countPadding ? { count_include_pad: 1 } : {}),
      },
    });
  }

  #window(x: Maps, kernel: number[], pads: number[], stride: number, dilation: number, ceil: boolean): number[] {
    return [0, 1].map((axis) => {
      const [length, pad] = [x.shape[axis + 1]!, pads[axis]!];
      const room = (length + 2 * pad - dilation * (kernel[axis]! - 1) - 1) / stride;
      const windows = (ceil ? Math.ceil(room) : Math.floor(room)) + 1;
      return ceil && (windows - 1) * stride >= length + pad ? windows - 1 : windows;
    });
  }

  #weight(dims: number[], values: Float32Array): string {
    const name = `weights_${this.#count++}`;
    this.#weights[name] = { dims, values };
    return name;
  }

  /** A node on shapes. */
  #helper(op: string, inputs: string[], attributes: Record<string, AttributeSpec> = {}): string {
    return this.#add(op, inputs, { shape: [], attributes }).name;
  }

  #add(
    op: string,
    inputs: string[],
    result: { shape: readonly number[]; attributes?: Record<string, AttributeSpec> },
  ): Maps {
    const name = `${op}_${this.#count++}`;
    this.#nodes.push({ op, name, inputs, outputs: [`${name}:0`], attributes: result.attributes ?? {} });
    return { name: `${name}:0`, shape: result.shape };
  }
}

/** Values of one image. */
export function count({ shape }: Maps): number {
  return shape.reduce((product, length) => product * length, 1);
}
