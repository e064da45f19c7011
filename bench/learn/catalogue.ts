import { join } from 'node:path';
import type { ImageSettings } from '../../src/engine/index.js';
import { sharedFolder } from '../shared-folder.js';

/** A backbone of ../shared/models, with the image settings that its README gives. */
export interface BenchBackbone {
  readonly name: string;
  readonly file: string;
  readonly image: ImageSettings;
  /** The same network with all its weights: what the paper's relative error increase compares with. */
  readonly dense?: string;
}

/** Labelled photos of ../shared/data. */
export interface BenchSet {
  readonly name: string;
  readonly title: string;
  readonly file: string;
}

const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;
const HALVES = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } as const;
const SIZE_224 = { size: 224, resize: 256, channels: 'rgb', scale: 255 } as const;

const models = join(sharedFolder(), 'models');
const data = join(sharedFolder(), 'data');

/** The smallest first, so that a run shows something soon. */
export const BACKBONES: readonly BenchBackbone[] = [
  {
    name: 'tiny_acdc90',
    file: join(models, 'tiny_acdc90.onnx'),
    image: { size: 96, resize: 110, channels: 'rgb', scale: 255, ...IMAGENET },
  },
  {
    name: 'squeezenet_pruned',
    file: join(models, 'squeezenet_deepcompression_pruned.onnx'),
    image: { size: 227, resize: 256, channels: 'bgr', scale: 1, mean: [104, 117, 123], std: [1, 1, 1] },
  },
  {
    name: 'mobilenetv1_pruned75',
    file: join(models, 'mobilenetv1_pruned75.onnx'),
    image: { ...SIZE_224, ...HALVES },
    dense: 'mobilenetv1',
  },
  { name: 'mobilenetv1', file: join(models, 'mobilenetv1_1.0_224.onnx'), image: { ...SIZE_224, ...HALVES } },
  {
    name: 'resnet50v2_stage1to3',
    file: join(models, 'resnet50v2_stage1to3_backbone.onnx'),
    image: { ...SIZE_224, ...IMAGENET },
  },
];

export const SETS: readonly BenchSet[] = [
  { name: 'flowers', title: 'Flower photos (5 x 50)', file: join(data, 'flower_photos_5x50.tar') },
  { name: 'caltech101', title: 'Caltech-101 (101 x 25)', file: join(data, 'caltech101_25.tar') },
  { name: 'cifar10', title: 'CIFAR-10 subset (10 x 400)', file: join(data, 'cifar10_300train_100test.tar.gz') },
];
