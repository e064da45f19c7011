import type { Maps, NetworkOptions } from './network.js';
import { Network } from './network.js';

/** Iandola et al. 2016 (version 1.1): fire modules, pools that round up. Needs opset 10. `width` multiplies the paper's channels. */
export function squeezeNet(options: NetworkOptions & { readonly width: number }) {
  const network = new Network(options);
  const convolved = (x: Maps, filters: number, kernel: number, more = {}) =>
    network.relu(network.conv(x, Math.round(filters * options.width), kernel, { bias: true, ...more }));
  const fire = (x: Maps, squeezed: number, expanded: number) => {
    const narrow = convolved(x, squeezed, 1);
    return network.concat([convolved(narrow, expanded, 1), convolved(narrow, expanded, 3)]);
  };
  const pool = (x: Maps) => network.maxPool(x, 3, { stride: 2, ceil: true });
  let x = pool(convolved(network.input, 64, 3, { stride: 2, pad: 0 }));
  x = pool(fire(fire(x, 16, 64), 16, 64));
  x = pool(fire(fire(x, 32, 128), 32, 128));
  x = fire(fire(fire(fire(x, 48, 192), 48, 192), 64, 256), 64, 256);
  return network.finish(network.globalAveragePool(convolved(network.dropout(x), 200, 1)));
}

/** Simonyan and Zisserman 2014: 3x3 convolutions with biases, then fully connected layers on flattened maps. */
export function vgg(options: NetworkOptions & { readonly width: number; readonly normalised: boolean }) {
  const network = new Network(options);
  const { normalised, width } = options;
  let x = network.input;
  for (const [stage, layers] of [2, 2, 3, 3, 3].entries()) {
    for (let layer = 0; layer < layers; layer++) {
      const convolved = network.conv(x, width * Math.min(8, 2 ** stage), 3, { bias: true });
      x = network.relu(normalised ? network.batchNorm(convolved) : convolved);
    }
    x = network.maxPool(x, 2, { stride: 2 });
  }
  x = network.flatten(x);
  for (const outputs of [8 * width, 8 * width]) x = network.dropout(network.relu(network.gemm(x, outputs)));
  return network.finish(network.softmax(network.gemm(x, 10), 1));
}

/** Huang et al. 2017: each layer reads all that came before in its block; normalisation and activation in front of the convolutions. */
export function denseNet(options: NetworkOptions & { readonly growth: number; readonly blocks: readonly number[] }) {
  const network = new Network(options);
  const { growth, blocks } = options;
  const activated = (x: Maps) => network.relu(network.batchNorm(x));
  let x = activated(network.conv(network.input, 2 * growth, 7, { stride: 2 }));
  x = network.maxPool(x, 3, { stride: 2, pad: 1 });
  for (const [block, layers] of blocks.entries()) {
    const features = [x];
    for (let layer = 0; layer < layers; layer++) {
      const all = features.length === 1 ? features[0]! : network.concat(features);
      const narrow = network.conv(activated(all), 4 * growth, 1);
      features.push(network.conv(activated(narrow), growth, 3));
    }
    x = network.concat(features);
    if (block === blocks.length - 1) break;
    x = network.conv(activated(x), x.shape[0]! >> 1, 1);
    x = network.averagePool(x, 2, { stride: 2 });
  }
  return network.finish(network.flatten(network.globalAveragePool(activated(x))));
}
