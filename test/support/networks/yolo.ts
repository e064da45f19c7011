import type { Maps, NetworkOptions } from './network.js';
import { count, Network } from './network.js';
import { resNetStages } from './resnet.js';

/**
 * Darknet-53 of YOLOv3 (Redmon and Farhadi 2018) with the neck of its three scales. `width`: channels of the first layer, 32 in the paper;
 * `blocks`: residual blocks of each stage, [1, 2, 8, 8, 4] in the paper.
 */
export function yoloV3(options: NetworkOptions & { readonly width: number; readonly blocks: readonly number[] }) {
  const network = new Network(options);
  const layer = (x: Maps, filters: number, kernel: number, stride = 1, gain = 1) =>
    network.leakyRelu(network.batchNorm(network.conv(x, filters, kernel, { stride }), gain));
  let x = layer(network.input, options.width, 3);
  const scales: Maps[] = [];
  for (const blocks of options.blocks) {
    x = layer(x, x.shape[0]! * 2, 3, 2);
    for (let block = 0; block < blocks; block++)
      x = network.add(x, layer(layer(x, x.shape[0]! >> 1, 1), x.shape[0]!, 3, 1, 0.5));
    scales.push(x);
  }
  const set = (maps: Maps) =>
    layer(layer(layer(maps, maps.shape[0]! >> 1, 1), maps.shape[0]!, 3), maps.shape[0]! >> 1, 1);
  const outputs: Maps[] = [];
  let deep = set(scales.pop()!);
  outputs.push(network.conv(deep, 18, 1, { bias: true }));
  for (const shallow of scales.splice(-2).reverse()) {
    const up = network.resize(layer(deep, deep.shape[0]! >> 1, 1), 2);
    deep = set(network.concat([up, shallow]));
    outputs.push(network.conv(deep, 18, 1, { bias: true }));
  }
  return network.finish(joined(network, outputs));
}

export interface YoloV5Options extends NetworkOptions {
  /** Channels of the stem: 32 in version s. */
  readonly width: number;
  /** focus: four slices of every second pixel (up to version 5); conv: a 6x6 convolution with stride 2 (since version 6). */
  readonly stem: 'focus' | 'conv';
  readonly neck: boolean;
}

/** YOLOv5 (Jocher 2020): C3 blocks, SiLU, spatial pyramid pooling; with the upper half of the neck where asked for. */
export function yoloV5(options: YoloV5Options) {
  const network = new Network(options);
  const { width } = options;
  const layer = (x: Maps, filters: number, kernel: number, more = {}) =>
    network.silu(network.conv(x, filters, kernel, { bias: true, ...more }));
  /** Cross stage partial: a narrow branch of residual blocks beside a narrow shortcut. */
  const c3 = (x: Maps, filters: number, blocks: number, shortcut = true) => {
    let branch = layer(x, filters >> 1, 1);
    for (let block = 0; block < blocks; block++) {
      const inner = layer(layer(branch, filters >> 1, 1), filters >> 1, 3);
      branch = shortcut ? network.add(branch, inner) : inner;
    }
    return layer(network.concat([branch, layer(x, filters >> 1, 1)]), filters, 1);
  };
  const pyramidPooling = (x: Maps) => {
    const pools = [layer(x, x.shape[0]! >> 1, 1)];
    for (let pool = 0; pool < 3; pool++) pools.push(network.maxPool(pools.at(-1)!, 5, { pad: 2 }));
    return layer(network.concat(pools), x.shape[0]!, 1);
  };
  let x =
    options.stem === 'conv' ? layer(network.input, width, 6, { stride: 2, pad: 2 }) : layer(focus(network), width, 3);
  x = c3(layer(x, 2 * width, 3, { stride: 2 }), 2 * width, 1);
  const p3 = c3(layer(x, 4 * width, 3, { stride: 2 }), 4 * width, 2);
  const p4 = c3(layer(p3, 8 * width, 3, { stride: 2 }), 8 * width, 2);
  const p5 = pyramidPooling(c3(layer(p4, 16 * width, 3, { stride: 2 }), 16 * width, 1));
  if (!options.neck) return network.finish(p5);
  const top = layer(p5, 8 * width, 1);
  const middle = c3(network.concat([network.resize(top, 2), p4]), 8 * width, 1, false);
  const low = c3(network.concat([network.resize(layer(middle, 4 * width, 1), 2, true), p3]), 4 * width, 1, false);
  return network.finish(low);
}

function focus(network: Network): Maps {
  const { input } = network;
  const corners = [
    [0, 0],
    [1, 0],
    [0, 1],
    [1, 1],
  ] as const;
  return network.concat(corners.map(([row, column]) => network.everySecondPixel(input, row, column)));
}

/** YOLACT's (Bolya et al. 2019) ResNet-50 with a feature pyramid and the prototypes' branch. Needs sizes that are multiples of 32. */
export function yolact(options: NetworkOptions & { readonly width: number; readonly pyramid: number }) {
  const network = new Network(options);
  const { width, pyramid } = options;
  const stages = resNetStages(network, { depth: 50, variant: 'v1.5', width });
  const lateral = stages.slice(1).map((maps) => network.conv(maps, pyramid, 1, { bias: true }));
  let top = lateral.pop()!;
  const levels = [top];
  while (lateral.length > 0) {
    top = network.add(lateral.pop()!, network.resize(top, 2));
    levels.unshift(top);
  }
  const predicted = levels.map((maps) => network.relu(network.conv(maps, pyramid, 3, { bias: true })));
  predicted.push(network.relu(network.conv(predicted.at(-1)!, pyramid, 3, { stride: 2, bias: true })));
  let prototypes = network.relu(network.conv(predicted[0]!, pyramid, 3, { bias: true }));
  prototypes = network.relu(network.conv(network.resize(prototypes, 2), 16, 1, { bias: true }));
  const heads = predicted.map((maps) => network.conv(maps, 8, 3, { bias: true }));
  return network.finish(joined(network, [prototypes, ...heads]));
}

/** Several maps as one embedding: values pixel by pixel, one scale behind the other, as detectors lay out their predictions. */
function joined(network: Network, maps: readonly Maps[]): Maps {
  const flat = maps.map((one) => network.reshape(network.transpose(one, [0, 2, 3, 1]), [count(one)]));
  return network.concat(flat);
}
