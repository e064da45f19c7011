import { shuffled } from '../../src/server/data/random.js';
import type { EmbeddingsInfo } from './embedding-cache.js';
import type { Split } from './pass.js';

/** A split of a set that figures were given for, before there was an `auto`. */
export interface KnownSplit {
  readonly set: string;
  readonly title: string;
  readonly backbone: string;
  /** Which photos are streamed; the others are predicted. */
  readonly isStreamed: (info: EmbeddingsInfo) => boolean[];
  /** Top-1 for orientation, of issue 4. */
  readonly orientation?: number;
  /** The offline fit of ../shared/data/README.md. */
  readonly offline?: number;
}

const caltech = { set: 'caltech101', title: 'Caltech-101 (20 / 5 a class)', isStreamed: firstOfEachClass(0.8) };
const cifar = { set: 'cifar10', title: 'CIFAR-10 subset (300 / 100 a class)', isStreamed: inFolder('train') };
const flowers = { set: 'flowers', title: 'Flower photos (40 / 10 a class)', isStreamed: inFolder('train') };

export const SPLITS: readonly KnownSplit[] = [
  { ...caltech, backbone: 'mobilenetv1', orientation: 0.87, offline: 0.873 },
  { ...caltech, backbone: 'squeezenet_pruned', orientation: 0.765, offline: 0.737 },
  { ...caltech, backbone: 'resnet50v2_stage1to3', orientation: 0.84, offline: 0.842 },
  { ...cifar, backbone: 'mobilenetv1', orientation: 0.72, offline: 0.72 },
  { ...cifar, backbone: 'squeezenet_pruned', orientation: 0.705, offline: 0.705 },
  { ...flowers, backbone: 'mobilenetv1', orientation: 0.84, offline: 0.86 },
  { ...flowers, backbone: 'squeezenet_pruned', offline: 0.76 },
];

/** The first photos of each class, by the order of their files. */
export function firstOfEachClass(fraction: number): KnownSplit['isStreamed'] {
  return ({ labels }) => {
    const counts = new Map<number, number>();
    for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
    const seen = new Map<number, number>();
    return labels.map((label) => {
      const place = seen.get(label) ?? 0;
      seen.set(label, place + 1);
      return place < Math.round(fraction * counts.get(label)!);
    });
  };
}

/** Photos that have a folder of this name above that of their class. */
export function inFolder(name: string): KnownSplit['isStreamed'] {
  return ({ ids }) => ids.map((path) => path.split('/').slice(0, -2).includes(name));
}

/** The stream shuffled anew by each seed. */
export function shuffledSplit(isStreamed: readonly boolean[], seed: number): Split {
  const indices = Array.from(isStreamed.keys());
  return {
    stream: shuffled(
      indices.filter((index) => isStreamed[index]),
      seed,
    ),
    test: indices.filter((index) => !isStreamed[index]),
  };
}

/** @param fold The one that is tested; the others come in the cache's order. */
export function foldSplit({ folds, order }: EmbeddingsInfo, fold: number): Split {
  return {
    stream: order.filter((index) => folds[index] !== fold),
    test: Array.from(folds.keys()).filter((index) => folds[index] === fold),
  };
}
