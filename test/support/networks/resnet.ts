import type { Maps, NetworkOptions } from './network.js';
import { Network } from './network.js';

export interface ResNetOptions extends NetworkOptions {
  readonly depth: 18 | 34 | 50;
  /**
   * v1: He et al. 2015. v1.5: as torchvision, the stride in the 3x3 instead of the 1x1. v2: He et al. 2016, normalisation and activation in
   * front of each convolution.
   */
  readonly variant: 'v1' | 'v1.5' | 'v2';
  /** Channels of the stem: 64 in the papers. */
  readonly width: number;
  /** ResNeXt (Xie et al. 2017): groups of the 3x3 convolutions. */
  readonly groups?: number;
  /** Squeeze and excitation (Hu et al. 2018) in each block. */
  readonly squeeze?: boolean;
  /** The last stages dilate instead of striding (Yu et al. 2017), so that the maps stay larger. */
  readonly dilatedStages?: number;
}

const blocksOf = { 18: [2, 2, 2, 2], 34: [3, 4, 6, 3], 50: [3, 4, 6, 3] } as const;

/** With global average pooling and Flatten behind. */
export function resNet(options: ResNetOptions) {
  const network = new Network(options);
  const stages = resNetStages(network, options);
  return network.finish(network.flatten(network.globalAveragePool(stages.at(-1)!)));
}

/** The maps behind each of the four stages: what a feature pyramid reads. */
export function resNetStages(network: Network, options: Omit<ResNetOptions, 'opset' | 'size'>): Maps[] {
  const { depth, variant, width, dilatedStages = 0 } = options;
  let x = network.conv(network.input, width, 7, { stride: 2 });
  if (variant !== 'v2') x = network.relu(network.batchNorm(x));
  x = network.maxPool(x, 3, { stride: 2, pad: 1 });
  const stages: Maps[] = [];
  let dilation = 1;
  for (const [stage, blocks] of blocksOf[depth].entries()) {
    const dilated = stage >= 4 - dilatedStages;
    if (dilated) dilation *= 2;
    for (let block = 0; block < blocks; block++) {
      const stride = block === 0 && stage > 0 && !dilated ? 2 : 1;
      x = new Block(network, options, width * 2 ** stage, stride, dilation).apply(x);
    }
    stages.push(x);
  }
  if (variant === 'v2') stages.push(network.relu(network.batchNorm(stages.pop()!)));
  return stages;
}

/** One residual block; basic in 18 and 34 layers, bottleneck in 50. */
class Block {
  constructor(
    readonly network: Network,
    readonly options: Omit<ResNetOptions, 'opset' | 'size'>,
    readonly channels: number,
    readonly stride: number,
    readonly dilation: number,
  ) {}

  apply(x: Maps): Maps {
    const filters = this.options.depth === 50 ? this.channels * 4 : this.channels;
    const changes = this.stride !== 1 || x.shape[0] !== filters;
    return this.options.variant === 'v2'
      ? this.#preActivated(x, filters, changes)
      : this.#activatedBehind(x, filters, changes);
  }

  #activatedBehind(x: Maps, filters: number, changes: boolean): Maps {
    const { network } = this;
    let branch = x;
    const convolutions = this.#convolutions(filters);
    for (const [index, convolution] of convolutions.entries()) {
      const last = index === convolutions.length - 1;
      branch = network.batchNorm(convolution(branch), last ? 0.4 : 1);
      if (!last) branch = network.relu(branch);
    }
    if (this.options.squeeze) branch = squeezeAndExcite(network, branch);
    const shortcut = changes ? network.batchNorm(network.conv(x, filters, 1, { stride: this.stride }), 0.7) : x;
    return network.relu(network.add(branch, shortcut));
  }

  #preActivated(x: Maps, filters: number, changes: boolean): Maps {
    const { network } = this;
    const activated = network.relu(network.batchNorm(x));
    const shortcut = changes ? network.conv(activated, filters, 1, { stride: this.stride }) : x;
    let branch = activated;
    for (const [index, convolution] of this.#convolutions(filters).entries()) {
      branch = convolution(index === 0 ? branch : network.relu(network.batchNorm(branch, 0.7)));
    }
    return network.add(branch, shortcut);
  }

  #convolutions(filters: number): ((x: Maps) => Maps)[] {
    const { network, channels, stride, dilation } = this;
    const { depth, variant, groups = 1 } = this.options;
    if (depth !== 50) {
      return [
        (x) => network.conv(x, channels, 3, { stride, dilation }),
        (x) => network.conv(x, filters, 3, { dilation }),
      ];
    }
    const strideFirst = variant === 'v1';
    return [
      (x) => network.conv(x, channels, 1, { stride: strideFirst ? stride : 1 }),
      (x) => network.conv(x, channels, 3, { stride: strideFirst ? 1 : stride, group: groups, dilation }),
      (x) => network.conv(x, filters, 1),
    ];
  }
}

/** Each channel times a gate between 0 and 1 that all channels decide on. */
export function squeezeAndExcite(network: Network, x: Maps, hard = false): Maps {
  const channels = x.shape[0]!;
  const squeezed = network.relu(
    network.conv(network.globalAveragePool(x), Math.max(4, channels >> 2), 1, { bias: true }),
  );
  const scores = network.conv(squeezed, channels, 1, { bias: true });
  return network.mul(x, hard ? network.hardSigmoid(scores) : network.sigmoid(scores));
}
