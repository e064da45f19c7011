import type { Maps, NetworkOptions } from './network.js';
import { Network } from './network.js';

/** ShuffleNet V2 (Ma et al. 2018) in small: halves of the channels, one of them convolved, then shuffled by reshape and transposition. */
export function shuffleNet(options: NetworkOptions & { readonly width: number }) {
  const network = new Network(options);
  const { width } = options;
  const activated = (x: Maps) => network.relu(network.batchNorm(x));
  const shuffle = (x: Maps) => {
    const [channels, height, width] = x.shape as [number, number, number];
    const split = network.reshape(x, [2, channels / 2, height, width]);
    return network.reshape(network.transpose(split, [0, 2, 1, 3, 4]), [channels, height, width]);
  };
  const branch = (x: Maps, filters: number, stride: number) => {
    const narrow = activated(network.conv(x, filters, 1));
    const depthwise = network.batchNorm(network.conv(narrow, filters, 3, { stride, group: filters }));
    return activated(network.conv(depthwise, filters, 1));
  };
  let x = network.maxPool(activated(network.conv(network.input, width, 3, { stride: 2 })), 3, { stride: 2, pad: 1 });
  for (const filters of [width, 2 * width]) {
    const shortcut = network.batchNorm(network.conv(x, x.shape[0]!, 3, { stride: 2, group: x.shape[0]! }));
    x = shuffle(network.concat([activated(network.conv(shortcut, filters, 1)), branch(x, filters, 2)]));
    const [left, right] = network.split(x, [filters, filters]) as [Maps, Maps];
    x = shuffle(network.concat([left, branch(right, filters, 1)]));
  }
  return network.finish(network.squeeze(network.reduceMean(activated(network.conv(x, 4 * width, 1)), true)));
}

/**
 * Operators around images that no paper puts together: Pad with a value, a crop, Split in unequal parts, average pools that round up
 * or count padding, Softmax over channels, odd kernels, Transpose, Squeeze, MatMul, an Add of a vector, Softmax.
 */
export function patchwork(options: NetworkOptions) {
  const network = new Network(options);
  const { input } = network;
  let x = network.relu(network.conv(network.pad(input, [1, 2, 3, 0], 0.5), 12, 3, { stride: 2, pad: 0, bias: true }));
  const [a, b, c] = network.split(x, [3, 4, 5]) as [Maps, Maps, Maps];
  const gate = network.softmax(network.conv(b, 5, 1, { bias: true }), options.opset < 13 ? 3 : 1);
  x = network.concat([network.mul(c, gate), a, network.sigmoid(network.conv(b, 4, [1, 5], { bias: true }))]);
  x = network.leakyRelu(network.conv(x, 16, [5, 1], { bias: true }), 0.2);
  x = network.averagePool(x, 3, { stride: 2, pad: 1, countPadding: true, ceil: options.opset >= 10 });
  x = network.conv(x, 20, 3, { dilation: 2, bias: true });
  x = network.averagePool(network.clip(x, -1, 2), 3, { pad: 1 });
  const [, height, width] = x.shape as [number, number, number];
  x = network.crop(x, [1, 1], [height - 1, width]);
  const turned = network.transpose(network.hardSwish(x), [0, 1, 3, 2]);
  const pooled = network.squeeze(network.globalAveragePool(network.conv(turned, 24, 3, { bias: true })));
  const hidden = network.relu(network.addVector(network.matMul(pooled, 32)));
  return network.finish(network.softmax(network.gemm(hidden, 11), 1));
}
