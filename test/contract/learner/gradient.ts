import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crossEntropy } from '../../../src/learner/head/softmax.js';

/** A function, and what a learner takes for its gradient at a point. */
export interface GradientCase {
  readonly point: Float64Array;
  readonly gradient: Float64Array;
  readonly objective: (point: Float64Array) => number;
}

const STEP = 1e-5;

/** Finite differences in every direction. @param check What the learner descends, or why it descends nothing */
export function gradientContract(name: string, check: (() => GradientCase) | { readonly skip: string }): void {
  const skip = typeof check === 'function' ? false : check.skip;
  test(`${name}: its steps follow the gradient of what it minimises, by finite differences`, { skip }, () => {
    if (typeof check !== 'function') return;
    const { point, gradient, objective } = check();
    assert.equal(gradient.length, point.length);
    assert.ok(gradient.some((slope) => Math.abs(slope) > 0.01));
    for (let i = 0; i < point.length; i++) {
      const at = (shift: number) => {
        const moved = point.slice();
        moved[i]! += shift;
        return objective(moved);
      };
      const slope = (at(STEP) - at(-STEP)) / (2 * STEP);
      const difference = Math.abs(gradient[i]! - slope);
      assert.ok(difference < 1e-6 * Math.max(1, Math.abs(slope)), `${i}: ${gradient[i]} for ${slope}`);
    }
  });
}

/** Cross entropy of the softmax of W x + b, as a function of W [classes, D] and then b [classes]. */
export function crossEntropyOf(input: Float64Array, target: number, classes: number): GradientCase['objective'] {
  const dimensions = input.length;
  return (point) => {
    const logits = Float64Array.from({ length: classes }, (_, c) =>
      input.reduce((sum, x, d) => sum + point[c * dimensions + d]! * x, point[classes * dimensions + c]!),
    );
    return crossEntropy(logits, target);
  };
}
