import type { ModelSpec } from '../../unit/engine/synthetic.js';
import { denseNet, squeezeNet, vgg } from './classic.js';
import { patchwork, shuffleNet } from './layout.js';
import { mobileNetV1, mobileNetV2, mobileNetV3 } from './mobilenet.js';
import { dense } from './pruning.js';
import { resNet } from './resnet.js';
import { yolact, yoloV3, yoloV5 } from './yolo.js';

/** Every architecture that the sparse engine is there for, small and pruned, over the operator sets and with odd image sizes between. */
export const networks: readonly { readonly name: string; readonly spec: () => ModelSpec }[] = [
  { name: 'ResNet-18 v1', spec: () => resNet({ depth: 18, variant: 'v1', width: 16, size: [64, 64], opset: 7 }) },
  { name: 'ResNet-18 v1, odd', spec: () => resNet({ depth: 18, variant: 'v1', width: 12, size: [75, 53], opset: 13 }) },
  { name: 'ResNet-34 v1.5', spec: () => resNet({ depth: 34, variant: 'v1.5', width: 16, size: [56, 56], opset: 11 }) },
  { name: 'ResNet-50 v1', spec: () => resNet({ depth: 50, variant: 'v1', width: 12, size: [64, 64], opset: 9 }) },
  { name: 'ResNet-50 v1.5', spec: () => resNet({ depth: 50, variant: 'v1.5', width: 16, size: [96, 96], opset: 17 }) },
  { name: 'ResNet-50 v2', spec: () => resNet({ depth: 50, variant: 'v2', width: 12, size: [64, 64], opset: 13 }) },
  { name: 'ResNet-18 v2, odd', spec: () => resNet({ depth: 18, variant: 'v2', width: 16, size: [61, 67], opset: 21 }) },
  {
    name: 'ResNeXt-50, groups',
    spec: () => resNet({ depth: 50, variant: 'v1.5', width: 16, groups: 4, size: [48, 48], opset: 13 }),
  },
  {
    name: 'SE-ResNet-50',
    spec: () => resNet({ depth: 50, variant: 'v1.5', width: 12, squeeze: true, size: [48, 48], opset: 12 }),
  },
  {
    name: 'ResNet-50, dilated',
    spec: () => resNet({ depth: 50, variant: 'v1.5', width: 12, dilatedStages: 2, size: [65, 65], opset: 13 }),
  },
  {
    name: 'ResNet-18, dense',
    spec: () => resNet({ depth: 18, variant: 'v1', width: 16, size: [32, 32], opset: 13, pruning: () => dense }),
  },
  { name: 'MobileNetV1', spec: () => mobileNetV1({ width: 0.25, size: [64, 64], opset: 13 }) },
  { name: 'MobileNetV1, odd', spec: () => mobileNetV1({ width: 0.4, size: [49, 71], opset: 18 }) },
  { name: 'MobileNetV2, Clip by attributes', spec: () => mobileNetV2({ width: 0.5, size: [64, 64], opset: 9 }) },
  { name: 'MobileNetV2, Clip by inputs', spec: () => mobileNetV2({ width: 0.5, size: [70, 58], opset: 21 }) },
  { name: 'MobileNetV3, operator set 9', spec: () => mobileNetV3({ width: 1, size: [64, 64], opset: 9 }) },
  { name: 'MobileNetV3, operator set 12', spec: () => mobileNetV3({ width: 1, size: [45, 45], opset: 12 }) },
  { name: 'MobileNetV3, operator set 17', spec: () => mobileNetV3({ width: 1, size: [64, 96], opset: 17 }) },
  { name: 'SqueezeNet', spec: () => squeezeNet({ width: 0.5, size: [96, 96], opset: 13 }) },
  { name: 'SqueezeNet, odd', spec: () => squeezeNet({ width: 0.25, size: [79, 91], opset: 10 }) },
  { name: 'VGG-16', spec: () => vgg({ width: 8, normalised: false, size: [64, 64], opset: 8 }) },
  { name: 'VGG-16, normalised, odd', spec: () => vgg({ width: 8, normalised: true, size: [75, 64], opset: 13 }) },
  { name: 'DenseNet', spec: () => denseNet({ growth: 8, blocks: [3, 6, 4], size: [64, 64], opset: 11 }) },
  { name: 'DenseNet, odd', spec: () => denseNet({ growth: 12, blocks: [2, 4, 3], size: [83, 57], opset: 21 }) },
  { name: 'YOLOv3', spec: () => yoloV3({ width: 8, blocks: [1, 2, 4, 4, 2], size: [64, 64], opset: 7 }) },
  { name: 'YOLOv3, Resize', spec: () => yoloV3({ width: 8, blocks: [1, 2, 8, 8, 4], size: [96, 64], opset: 10 }) },
  { name: 'YOLOv5, Focus', spec: () => yoloV5({ width: 16, stem: 'focus', neck: false, size: [64, 64], opset: 12 }) },
  {
    name: 'YOLOv5, 6x6 and neck',
    spec: () => yoloV5({ width: 16, stem: 'conv', neck: true, size: [96, 64], opset: 17 }),
  },
  { name: 'YOLACT', spec: () => yolact({ width: 12, pyramid: 24, size: [64, 96], opset: 11 }) },
  { name: 'YOLACT, operator set 13', spec: () => yolact({ width: 8, pyramid: 16, size: [96, 96], opset: 13 }) },
  { name: 'ShuffleNetV2', spec: () => shuffleNet({ width: 16, size: [64, 64], opset: 13 }) },
  { name: 'Patchwork, operator set 7', spec: () => patchwork({ size: [40, 33], opset: 7 }) },
  { name: 'Patchwork, operator set 13', spec: () => patchwork({ size: [37, 52], opset: 13 }) },
  { name: 'Patchwork, operator set 21', spec: () => patchwork({ size: [64, 64], opset: 21 }) },
];
