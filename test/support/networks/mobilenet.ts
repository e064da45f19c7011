import type { Maps, NetworkOptions } from './network.js';
import { Network } from './network.js';
import { squeezeAndExcite } from './resnet.js';

export interface MobileNetOptions extends NetworkOptions {
  /** Multiplies the papers' channels. */
  readonly width: number;
}

/** Howard et al. 2017: depthwise 3x3 and 1x1 convolutions in turn. ReduceMean instead of a pool, as exporters from TensorFlow write it. */
export function mobileNetV1(options: MobileNetOptions) {
  const network = new Network(options);
  const channels = (count: number) => Math.round(count * options.width);
  const blocks: [number, number][] = [
    [64, 1],
    [128, 2],
    [128, 1],
    [256, 2],
    [256, 1],
    [512, 2],
    [512, 1],
    [512, 1],
    [1024, 2],
    [1024, 1],
  ];
  const relu6 = (x: Maps) => network.clip(network.batchNorm(x), 0, 6);
  let x = relu6(network.conv(network.input, channels(32), 3, { stride: 2 }));
  for (const [filters, stride] of blocks) {
    x = relu6(network.conv(x, x.shape[0]!, 3, { stride, group: x.shape[0]! }));
    x = relu6(network.conv(x, channels(filters), 1));
  }
  return network.finish(network.reduceMean(x, false));
}

/** Sandler et al. 2018: inverted residuals whose last convolution has no activation. */
export function mobileNetV2(options: MobileNetOptions) {
  const network = new Network(options);
  // [expansion, channels, blocks, stride of the first].
  const stages: [number, number, number, number][] = [
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 32, 2, 2],
    [6, 64, 2, 2],
    [6, 96, 2, 1],
    [6, 160, 2, 2],
    [6, 320, 1, 1],
  ];
  const relu6 = (x: Maps) => network.clip(network.batchNorm(x), 0, 6);
  const channels = (count: number) => Math.round(count * options.width);
  let x = relu6(network.conv(network.input, channels(32), 3, { stride: 2 }));
  for (const [expansion, filters, blocks, firstStride] of stages) {
    for (let block = 0; block < blocks; block++) {
      const stride = block === 0 ? firstStride : 1;
      const expanded = expansion === 1 ? x : relu6(network.conv(x, x.shape[0]! * expansion, 1));
      const depthwise = relu6(network.conv(expanded, expanded.shape[0]!, 3, { stride, group: expanded.shape[0]! }));
      const projected = network.batchNorm(network.conv(depthwise, channels(filters), 1), 0.6);
      x = stride === 1 && projected.shape[0] === x.shape[0] ? network.add(x, projected) : projected;
    }
  }
  x = relu6(network.conv(x, channels(1280), 1));
  return network.finish(network.flatten(network.dropout(network.globalAveragePool(x))));
}

/** Howard et al. 2019, in small: 5x5 depthwise convolutions, HardSwish, squeeze and excitation with HardSigmoid. */
export function mobileNetV3(options: MobileNetOptions) {
  const network = new Network(options);
  // [kernel, expanded, channels, squeeze, HardSwish, stride].
  const blocks: [number, number, number, boolean, boolean, number][] = [
    [3, 16, 16, true, false, 2],
    [3, 72, 24, false, false, 2],
    [3, 88, 24, false, false, 1],
    [5, 96, 40, true, true, 2],
    [5, 240, 40, true, true, 1],
    [5, 120, 48, true, true, 1],
  ];
  const channels = (count: number) => Math.round(count * options.width);
  let x = network.hardSwish(network.batchNorm(network.conv(network.input, channels(16), 3, { stride: 2 })));
  for (const [kernel, expanded, filters, squeeze, hardSwish, stride] of blocks) {
    const activate = (maps: Maps) => (hardSwish ? network.hardSwish(maps) : network.relu(maps));
    let branch = activate(network.batchNorm(network.conv(x, channels(expanded), 1)));
    branch = activate(
      network.batchNorm(network.conv(branch, branch.shape[0]!, kernel, { stride, group: branch.shape[0]! })),
    );
    if (squeeze) branch = squeezeAndExcite(network, branch, true);
    branch = network.batchNorm(network.conv(branch, channels(filters), 1), 0.6);
    x = stride === 1 && branch.shape[0] === x.shape[0] ? network.add(x, branch) : branch;
  }
  x = network.hardSwish(network.batchNorm(network.conv(x, channels(288), 1)));
  const pooled = network.flatten(network.globalAveragePool(x));
  return network.finish(network.hardSwish(network.gemm(pooled, 40)));
}
