import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  intervalOverFolds,
  intervalOverImages,
  relativeErrorIncrease,
  scoreOf,
} from '../../../../bench/learn/scores.js';

const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-5, `${actual}, not ${expected}`);

describe('scores of bench:learn', () => {
  it('counts rare classes as much as frequent ones in the mean per class', () => {
    const labels = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1];
    const predicted = [0, 0, 0, 0, 0, 0, 0, 0, 0, -1];
    assert.deepEqual(scoreOf(predicted, labels), { top1: 0.8, meanPerClass: 0.5 });
  });

  it('takes no score of nothing', () => {
    assert.throws(() => scoreOf([], []), /0 predictions of 0 samples/);
    assert.throws(() => scoreOf([1], [1, 2]), /1 predictions of 2 samples/);
  });

  it("makes intervals of a few folds by Student's t", () => {
    // Standard deviation sqrt(2.5), standard error sqrt(0.5), and t(0.975; 4) = 2.776445 from the tables.
    const five = intervalOverFolds([5, 1, 4, 2, 3]);
    near(five.mean, 3);
    near(five.low, 3 - 2.776445 * Math.sqrt(0.5));
    near(five.high, 3 + 2.776445 * Math.sqrt(0.5));
    const two = intervalOverFolds([0, 2]);
    near(two.high, 1 + 12.706205);
  });

  it('makes none of a single fold', () => {
    assert.throws(() => intervalOverFolds([1]), /interval over 1 folds/);
  });

  it('makes intervals of many images by the normal distribution', () => {
    const differences = Array.from({ length: 400 }, (_, index) => (index % 4 === 0 ? 100 : index % 4 === 1 ? -100 : 0));
    const { mean, low, high } = intervalOverImages(differences);
    near(mean, 0);
    near(high, 1.959964 * Math.sqrt(5000 / 399));
    near(low, -high);
    assert.throws(() => intervalOverImages([1, 2]), /interval over 2 images/);
  });

  it('says by which part of the dense error the error grows', () => {
    near(relativeErrorIncrease(0.8, 0.9), 1);
    near(relativeErrorIncrease(0.88, 0.9), 0.2);
    near(relativeErrorIncrease(0.95, 0.9), -0.5);
  });
});
