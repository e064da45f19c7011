import type { NodeSpec } from '../onnx/model-spec.js';

/** One set of weights: [outputs, inputs, ...kernel]; of a depthwise convolution `inputs` is 1. */
export interface Layer {
  readonly name: string;
  readonly kind: 'first' | 'conv' | 'depthwise' | 'linear';
  readonly outputs: number;
  readonly inputs: number;
  /** [height, width]; [1, 1] of a linear layer. */
  readonly kernel: readonly [number, number];
  /** Factor on top of He's scale: what keeps a residual sum from growing. */
  readonly gain: number;
}

/** A network without its weights. Input `x` [N,3,size,size], output `y` [N,1000]. */
export interface Architecture {
  readonly name: string;
  readonly size: number;
  readonly nodes: readonly NodeSpec[];
  readonly layers: readonly Layer[];
}

export function weightCount({ outputs, inputs, kernel }: Layer): number {
  return outputs * inputs * kernel[0] * kernel[1];
}

interface ConvOptions {
  readonly outputs: number;
  /** 1 when left out. */
  readonly kernel?: number;
  readonly stride?: number;
  readonly gain?: number;
  readonly kind?: 'first' | 'conv' | 'depthwise';
}

/** Collects nodes and layers. Each method returns the name of its output tensor. BatchNorm counts as folded: a convolution has a bias. */
export class ArchitectureBuilder {
  readonly nodes: NodeSpec[] = [];
  readonly layers: Layer[] = [];
  readonly #channels = new Map<string, number>([['x', 3]]);

  conv(name: string, input: string, options: ConvOptions): string {
    const { outputs, kernel = 1, stride = 1, gain = 1, kind = 'conv' } = options;
    const channels = this.channels(input);
    const group = kind === 'depthwise' ? channels : 1;
    this.layers.push({ name, kind, outputs, inputs: channels / group, kernel: [kernel, kernel], gain });
    const pads = new Array<number>(4).fill(kernel >> 1);
    const attributes = { kernel_shape: [kernel, kernel], strides: [stride, stride], pads, group };
    return this.#add('Conv', name, [input, `${name}_w`, `${name}_b`], outputs, attributes);
  }

  relu(input: string): string {
    return this.#add('Relu', `${input}_relu`, [input], this.channels(input));
  }

  add(name: string, left: string, right: string): string {
    return this.#add('Add', name, [left, right], this.channels(left));
  }

  maxPool(name: string, input: string): string {
    const attributes = { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] };
    return this.#add('MaxPool', name, [input], this.channels(input), attributes);
  }

  /** Global average, Flatten and a linear layer to the `y` of 1000 classes. */
  classifier(input: string): void {
    const inputs = this.channels(input);
    this.layers.push({ name: 'fc', kind: 'linear', outputs: 1000, inputs, kernel: [1, 1], gain: Math.SQRT1_2 });
    const pooled = this.#add('GlobalAveragePool', 'pooled', [input], inputs);
    const flat = this.#add('Flatten', 'flat', [pooled], inputs, { axis: 1 });
    this.#add('Gemm', 'y', [flat, 'fc_w', 'fc_b'], 1000, { transB: 1 });
  }

  channels(tensor: string): number {
    const channels = this.#channels.get(tensor);
    if (channels === undefined) throw new Error(`nothing makes the tensor ${tensor}`);
    return channels;
  }

  #add(op: string, output: string, inputs: string[], channels: number, attributes = {}): string {
    this.nodes.push({ op, name: output, inputs, outputs: [output], attributes });
    this.#channels.set(output, channels);
    return output;
  }
}
