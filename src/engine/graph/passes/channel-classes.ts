import { channelsOf, elementsOf } from '../shape.js';
import type { Graph, GraphNode, Shape } from '../types.js';

/**
 * Channels of different tensors that can only go together, such as summands and sum of an Add, in classes (a union-find structure).
 * A channel is known by its number: `offset of its tensor + index`.
 */
export class ChannelClasses {
  readonly #offsets = new Map<string, number>();
  readonly #counts = new Map<string, number>();
  readonly #parents: Int32Array;
  readonly #needed: Uint8Array;

  constructor(graph: Graph) {
    let total = 0;
    for (const { name, shape } of [graph.input, ...graph.nodes.map(({ output, shape }) => ({ name: output, shape }))]) {
      this.#offsets.set(name, total);
      this.#counts.set(name, channelsOf(shape));
      total += channelsOf(shape);
    }
    this.#parents = Int32Array.from({ length: total }, (_, channel) => channel);
    this.#needed = new Uint8Array(total);
  }

  count(tensor: string): number {
    return this.#counts.get(tensor)!;
  }

  /** The class of a channel, by the number of one of its members; joining changes it. */
  find(tensor: string, index: number): number {
    return this.#root(this.#offsets.get(tensor)! + index);
  }

  join(left: string, leftIndex: number, right: string, rightIndex: number): void {
    const [a, b] = [this.find(left, leftIndex), this.find(right, rightIndex)];
    this.#parents[Math.max(a, b)] = Math.min(a, b);
  }

  isNeeded(tensor: string, index: number): boolean {
    return this.#needed[this.find(tensor, index)] === 1;
  }

  isClassNeeded(root: number): boolean {
    return this.#needed[root] === 1;
  }

  /** Marks a channel's class, once all are joined. Returns the class when it was not marked before. */
  need(tensor: string, index: number): number | undefined {
    const root = this.find(tensor, index);
    if (this.#needed[root] === 1) return undefined;
    this.#needed[root] = 1;
    return root;
  }

  /** Indices of the channels of a tensor that are needed. */
  kept(tensor: string): number[] {
    return Array.from({ length: this.count(tensor) }, (_, index) => index).filter((index) =>
      this.isNeeded(tensor, index),
    );
  }

  #root(channel: number): number {
    let root = channel;
    while (this.#parents[root] !== root) {
      this.#parents[root] = this.#parents[this.#parents[root]!]!;
      root = this.#parents[root]!;
    }
    return root;
  }
}

/** How the channels of a node's result hang on those of what it reads. */
export type Coupling =
  /** Weights of its own: any of its results may go, and it can live with fewer inputs. */
  | { readonly kind: 'weights' }
  /** Output channel i belongs to channel i of every input. */
  | { readonly kind: 'channelwise' }
  /** The inputs' channels one behind the other. */
  | { readonly kind: 'concat' }
  /** A convolution in groups: the channels of a group go together, `inputs` in and `outputs` out. */
  | { readonly kind: 'groups'; readonly inputs: number; readonly outputs: number }
  /** Each input channel becomes `factor` channels. */
  | { readonly kind: 'spread'; readonly factor: number }
  /** Anything else: all channels stay. */
  | { readonly kind: 'fixed' };

export function couplingOf(node: GraphNode, inputShapes: readonly Shape[]): Coupling {
  const { operation, shape } = node;
  switch (operation.type) {
    case 'Conv': {
      const [filters, inputs] = operation.weightShape;
      if (operation.residual) return { kind: 'fixed' };
      if (operation.group === 1) return { kind: 'weights' };
      return { kind: 'groups', inputs, outputs: filters / operation.group };
    }
    case 'Linear':
      return { kind: 'weights' };
    case 'Concat':
      return { kind: operation.axis === 1 ? 'concat' : 'fixed' };
    case 'Reshape':
      return reshapeCoupling(inputShapes[0]!, shape);
    case 'Slice':
    case 'Binary':
      return sameChannels(shape, inputShapes) ? { kind: 'channelwise' } : { kind: 'fixed' };
    case 'ScaleShift':
    case 'Activation':
    case 'MaxPool':
    case 'AveragePool':
    case 'GlobalAveragePool':
    case 'Resize':
    case 'Pad':
      return { kind: 'channelwise' };
    case 'Softmax':
    case 'Transpose':
    case 'Identity':
      return { kind: 'fixed' };
  }
}

function sameChannels(shape: Shape, inputs: readonly Shape[]): boolean {
  return inputs.every((input) => input.length === shape.length && input[1] === shape[1]);
}

/** A Flatten keeps a channel's values together: [N, C, H, W] to [N, C H W]. */
function reshapeCoupling(input: Shape, output: Shape): Coupling {
  if (input.length < 2 || output.length < 2 || input[0] !== output[0]) return { kind: 'fixed' };
  const factor = elementsOf(input.slice(2)) / elementsOf(output.slice(2));
  const fits = Number.isInteger(factor) && factor >= 1 && channelsOf(input) * factor === channelsOf(output);
  return fits ? { kind: 'spread', factor } : { kind: 'fixed' };
}
