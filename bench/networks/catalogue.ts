import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageSettings } from '../../src/engine/index.js';
import type { ModelSpec } from '../onnx/model-spec.js';
import { specOfModel } from '../onnx/read-model.js';
import { sharedFolder } from '../shared-folder.js';
import type { Architecture } from './architecture.js';
import { cutAt } from './cut.js';
import type { Densities } from './density.js';
import { erdosRenyiKernel, uniform } from './density.js';
import { mobilenetV1 } from './mobilenet.js';
import { prunePointwise } from './prune.js';
import { resnet } from './resnet.js';
import { withRandomWeights } from './weights.js';

/** A network of the table in issue 3, and what is asked of the sparse engine on it. */
export interface BenchNetwork {
  /** For `--only`. */
  readonly name: string;
  readonly title: string;
  /** Height and width of the input. */
  readonly size: number;
  /** Real photos go through real weights; random ones get random input. */
  readonly photos: ImageSettings | undefined;
  /** Times as fast as ONNX Runtime, in FP32. */
  readonly target: number;
  /** Times as fast as ONNX Runtime on the same network dense in INT8. */
  readonly int8Target?: number;
  /** What the prototype reached (../shared/prototype/README.md): with AVX-512, and with AVX2 against ONNX Runtime with AVX-512. */
  readonly prototype?: { readonly avx512: number; readonly avx2: number };
  /** With one output, of 1000 classes. */
  make(): ModelSpec;
  /** What the INT8 version is made of: dense. */
  makeDense(): ModelSpec;
}

const SEED = 1234;
const halves: [number, number, number] = [0.5, 0.5, 0.5];

/** Those whose files are there, and names of those whose are not. */
export function benchNetworks(): { readonly networks: BenchNetwork[]; readonly missing: string[] } {
  const squeezeNet = prunedSqueezeNet();
  const networks = [...resNets(), ...mobileNets(), ...(squeezeNet === undefined ? [] : [squeezeNet])];
  return { networks, missing: squeezeNet === undefined ? ['squeezenet (../shared/models)'] : [] };
}

/** ResNet-50 without weights at random places: what it is compared with when the comparison is with a dense network. */
export function denseResNet50(): ModelSpec {
  return dense(resnet(50));
}

/** ResNet-50, uniform. */
export function sparseResNet50(sparsity: number): ModelSpec {
  const architecture = resnet(50);
  return withRandomWeights(architecture, uniform(architecture.layers, 1 - sparsity), SEED);
}

function resNets(): BenchNetwork[] {
  const prototypes = { 80: { avx512: 2.5, avx2: 1.6 }, 90: { avx512: 4, avx2: 2.6 }, 95: { avx512: 5.6, avx2: 3.7 } };
  const of50 = (
    [
      [80, 3],
      [90, 5],
      [95, 7],
    ] as const
  ).map(
    ([percent, target]): BenchNetwork => ({
      ...random(resnet(50), `resnet50-${percent}`, `ResNet-50, uniform ${percent} %`, target, (layers) =>
        uniform(layers, 1 - percent / 100),
      ),
      prototype: prototypes[percent],
      ...(percent === 90 ? { int8Target: 1.6 } : {}),
    }),
  );
  const erk = random(resnet(50), 'resnet50-90-erk', 'ResNet-50, ERK 90 %', 2.5, (layers) =>
    erdosRenyiKernel(layers, 0.1),
  );
  const small = ([18, 34] as const).map((depth) =>
    random(resnet(depth), `resnet${depth}-90`, `ResNet-${depth}, uniform 90 %`, 4, (layers) => uniform(layers, 0.1)),
  );
  return [...of50, erk, ...small];
}

function random(
  architecture: Architecture,
  name: string,
  title: string,
  target: number,
  densities: (layers: Architecture['layers']) => Densities,
): BenchNetwork {
  return {
    name,
    title,
    size: architecture.size,
    photos: undefined,
    target,
    make: () => withRandomWeights(architecture, densities(architecture.layers), SEED),
    makeDense: () => dense(architecture),
  };
}

function dense(architecture: Architecture): ModelSpec {
  return withRandomWeights(architecture, uniform(architecture.layers, 1), SEED);
}

/** The real ones where they are; else the same shapes with random weights. */
function mobileNets(): BenchNetwork[] {
  const real = sharedModel('mobilenetv1_1.0_224.onnx');
  const pruned = sharedModel('mobilenetv1_pruned75.onnx');
  const photos = { size: 224, resize: 256, channels: 'rgb', scale: 255, mean: halves, std: halves } as const;
  const synthetic = (density: number) => {
    const architecture = mobilenetV1();
    return withRandomWeights(architecture, uniform(architecture.layers, density), SEED);
  };
  const network = (percent: number, target: number, make: (() => ModelSpec) | undefined): BenchNetwork => ({
    name: `mobilenetv1-${percent}`,
    title: `MobileNetV1, 1x1 layers ${percent} % (${make === undefined ? 'random' : 'real'} weights)`,
    size: 224,
    photos: make === undefined ? undefined : photos,
    target,
    make: make ?? (() => synthetic(1 - percent / 100)),
    makeDense: real === undefined ? () => synthetic(1) : () => readAt(real, 'logits'),
  });
  return [
    network(75, 1.6, pruned === undefined ? undefined : () => readAt(pruned, 'logits')),
    network(90, 2.5, real === undefined ? undefined : () => prunePointwise(readAt(real, 'logits'), 0.1)),
  ];
}

function prunedSqueezeNet(): BenchNetwork | undefined {
  const file = sharedModel('squeezenet_deepcompression_pruned.onnx');
  if (file === undefined) return undefined;
  const mean: [number, number, number] = [104, 117, 123];
  return {
    name: 'squeezenet',
    title: 'SqueezeNet, Deep Compression 66.6 % (real weights)',
    size: 227,
    photos: { size: 227, resize: 256, channels: 'bgr', scale: 1, mean, std: [1, 1, 1] },
    target: 1.4,
    make: () => readAt(file, 'logits'),
    makeDense: () => readAt(file, 'logits'),
  };
}

function sharedModel(name: string): string | undefined {
  const file = join(sharedFolder(), 'models', name);
  return existsSync(file) ? file : undefined;
}

function readAt(file: string, output: string): ModelSpec {
  return cutAt(specOfModel(readFileSync(file), file), output);
}
