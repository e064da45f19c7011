import type { Architecture } from './architecture.js';
import { ArchitectureBuilder } from './architecture.js';

/** [channels after the 1x1, stride of the depthwise 3x3]: table 1 of Howard et al. 2017. */
const blocks = [
  [64, 1],
  [128, 2],
  [128, 1],
  [256, 2],
  [256, 1],
  [512, 2],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [1024, 2],
  [1024, 1],
] as const;

/** MobileNetV1 1.0 at 224, for where the real one is not at hand. */
export function mobilenetV1(): Architecture {
  const net = new ArchitectureBuilder();
  let x = net.relu(net.conv('conv1', 'x', { outputs: 32, kernel: 3, stride: 2, kind: 'first' }));
  blocks.forEach(([outputs, stride], index) => {
    const depthwise = { outputs: net.channels(x), kernel: 3, stride, kind: 'depthwise' } as const;
    x = net.relu(net.conv(`b${index}dw`, x, depthwise));
    x = net.relu(net.conv(`b${index}pw`, x, { outputs }));
  });
  net.classifier(x);
  return { name: 'mobilenetv1', size: 224, nodes: net.nodes, layers: net.layers };
}
