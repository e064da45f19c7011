import type { Architecture } from './architecture.js';
import { ArchitectureBuilder } from './architecture.js';

const stages = { 18: [2, 2, 2, 2], 34: [3, 4, 6, 3], 50: [3, 4, 6, 3] } as const;

export type ResNetDepth = keyof typeof stages;

/** ResNet v1.5 (He et al. 2016; the stride of a bottleneck is in its 3x3): what torchvision and the paper use. */
export function resnet(depth: ResNetDepth): Architecture {
  const net = new ArchitectureBuilder();
  const block = depth === 50 ? bottleneck : basicBlock;
  const stem = net.relu(net.conv('conv1', 'x', { outputs: 64, kernel: 7, stride: 2, kind: 'first' }));
  let x = net.maxPool('pool', stem);
  stages[depth].forEach((blocks, stage) => {
    for (let index = 0; index < blocks; index++) {
      const stride = index === 0 && stage > 0 ? 2 : 1;
      x = block(net, `s${stage + 1}b${index}`, x, 64 << stage, stride);
    }
  });
  net.classifier(x);
  return { name: `resnet${depth}`, size: 224, nodes: net.nodes, layers: net.layers };
}

function bottleneck(net: ArchitectureBuilder, name: string, x: string, width: number, stride: number): string {
  const first = net.relu(net.conv(`${name}c1`, x, { outputs: width }));
  const second = net.relu(net.conv(`${name}c2`, first, { outputs: width, kernel: 3, stride }));
  const third = net.conv(`${name}c3`, second, { outputs: 4 * width, gain: 0.5 });
  return net.relu(net.add(`${name}a`, third, shortcut(net, name, x, 4 * width, stride)));
}

function basicBlock(net: ArchitectureBuilder, name: string, x: string, width: number, stride: number): string {
  const first = net.relu(net.conv(`${name}c1`, x, { outputs: width, kernel: 3, stride }));
  const second = net.conv(`${name}c2`, first, { outputs: width, kernel: 3, gain: 0.5 });
  return net.relu(net.add(`${name}a`, second, shortcut(net, name, x, width, stride)));
}

function shortcut(net: ArchitectureBuilder, name: string, x: string, outputs: number, stride: number): string {
  if (stride === 1 && net.channels(x) === outputs) return x;
  return net.conv(`${name}ds`, x, { outputs, stride, gain: 0.7 });
}
