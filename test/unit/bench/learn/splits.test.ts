import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EmbeddingsInfo } from '../../../../bench/learn/embedding-cache.js';
import { stratifiedFolds, streamOrder } from '../../../../bench/learn/folds.js';
import { firstOfEachClass, foldSplit, inFolder, SPLITS, shuffledSplit } from '../../../../bench/learn/splits.js';

const labels = Array.from({ length: 103 }, (_, index) => (index < 40 ? 0 : index < 77 ? 1 : 2));
const info: EmbeddingsInfo = {
  ...{
    set: 's',
    backbone: 'b',
    identity: 'i',
    engine: 'sparse',
    samples: 103,
    dimensions: 2,
    classes: ['a', 'b', 'c'],
  },
  labels,
  ids: labels.map((label, index) => `set/${index % 10 === 0 ? 'val' : 'train'}/${'abc'[label]}/train${index}.jpg`),
  folds: stratifiedFolds(labels, 5, 4),
  order: streamOrder(103, 4),
};

describe('folds of bench:learn', () => {
  it('deal out each class and all samples evenly', () => {
    const inFold = (fold: number, label?: number) =>
      labels.filter((each, index) => info.folds[index] === fold && (label === undefined || each === label)).length;
    for (const label of [0, 1, 2, undefined]) {
      const counts = [0, 1, 2, 3, 4].map((fold) => inFold(fold, label));
      assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, `class ${label}: ${counts}`);
    }
  });

  it('are the same for the same seed only', () => {
    assert.deepEqual(stratifiedFolds(labels, 5, 4), info.folds);
    assert.notDeepEqual(stratifiedFolds(labels, 5, 5), info.folds);
  });

  it('stream every sample that they do not test, once, in the order of the cache', () => {
    const { stream, test } = foldSplit(info, 2);
    assert.deepEqual(
      stream,
      info.order.filter((index) => !test.includes(index)),
    );
    assert.deepEqual(
      [...stream, ...test].sort((a, b) => a - b),
      Array.from(labels.keys()),
    );
    assert.ok(test.every((index) => info.folds[index] === 2));
  });
});

describe('splits by file', () => {
  it('stream the first 80 % of each class', () => {
    const isStreamed = firstOfEachClass(0.8)(info);
    const streamed = (label: number) =>
      labels.flatMap((each, index) => (each === label && isStreamed[index] ? index : []));
    assert.deepEqual(
      streamed(0),
      Array.from({ length: 32 }, (_, index) => index),
    );
    assert.equal(streamed(1).length, 30);
    assert.equal(streamed(2).at(-1), 77 + 21 - 1);
  });

  it('tell a folder above the class from a file and from the class itself', () => {
    const isStreamed = inFolder('train')(info);
    assert.deepEqual(isStreamed.slice(0, 3), [false, true, true]);
    assert.deepEqual(inFolder('train')({ ...info, ids: ['set/train/x.jpg'] }), [false]);
  });

  it('shuffle the stream by the seed, and never what is tested', () => {
    const isStreamed = firstOfEachClass(0.8)(info);
    const [one, other] = [shuffledSplit(isStreamed, 1), shuffledSplit(isStreamed, 2)];
    assert.notDeepEqual(one.stream, other.stream);
    assert.deepEqual(one.test, other.test);
    assert.deepEqual([...one.stream].sort(), [...other.stream].sort());
    assert.equal(one.stream.length + one.test.length, 103);
  });

  it('are those that issue 4 names', () => {
    assert.deepEqual(
      SPLITS.flatMap(({ set, backbone, orientation }) =>
        orientation === undefined ? [] : [[set, backbone, orientation]],
      ),
      [
        ['caltech101', 'mobilenetv1', 0.87],
        ['caltech101', 'squeezenet_pruned', 0.765],
        ['caltech101', 'resnet50v2_stage1to3', 0.84],
        ['cifar10', 'mobilenetv1', 0.72],
        ['cifar10', 'squeezenet_pruned', 0.705],
        ['flowers', 'mobilenetv1', 0.84],
      ],
    );
  });
});
