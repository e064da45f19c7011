import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arithmetic } from '../../../../../../src/learner/arithmetic/arithmetic.js';
import { minimise, type Objective } from '../../../../../../src/learner/learners/refit/fit/lbfgs.js';

const exact = { tolerance: 0, evaluations: 1000 };

/** 1 + the sum over i of factors[i] / 2 * (x[i] - i)^2 */
function bowl(factors: readonly number[]): Objective {
  return (x, gradient) => {
    let value = 1;
    factors.forEach((factor, i) => {
      gradient[i] = factor * (x[i]! - i);
      value += (factor / 2) * (x[i]! - i) ** 2;
    });
    return value;
  };
}

/** Rosenbrock's valley; its minimum is 0, at (1, 1). */
const valley: Objective = (x, gradient) => {
  const [a, b] = [x[0]!, x[1]!];
  gradient[0] = -400 * a * (b - a * a) - 2 * (1 - a);
  gradient[1] = 200 * (b - a * a);
  return 100 * (b - a * a) ** 2 + (1 - a) ** 2;
};

test('finds the bottom of a bowl that is a thousand times as steep one way as the other', () => {
  const factors = Array.from({ length: 30 }, (_, i) => 1000 ** (i / 29));
  const start = new Float64Array(30).fill(-3);
  const { point, value } = minimise(bowl(factors), start, exact, arithmetic());
  for (const [i, x] of point.entries()) assert.ok(Math.abs(x - i) < 1e-4, `${i}: ${x}`);
  assert.ok(value < 1 + 1e-9);
  assert.deepEqual(start, new Float64Array(30).fill(-3));
});

test('follows a curved valley to its end', () => {
  const { point, evaluations } = minimise(valley, Float64Array.of(-1.2, 1), exact, arithmetic());
  assert.ok(Math.hypot(point[0]! - 1, point[1]! - 1) < 1e-5, `${point}`);
  assert.ok(evaluations < 100, `${evaluations} evaluations`);
});

test('no step goes up, whatever the first one promises', () => {
  const values: number[] = [];
  // Nearly flat where it starts, and steep around its bottom.
  const objective: Objective = (x, gradient) => {
    gradient[0] = 1e4 * Math.tanh(100 * x[0]!) + 0.1 * x[0]!;
    return 100 * Math.log(Math.cosh(100 * x[0]!)) + 0.05 * x[0]! ** 2;
  };
  let limit = 1;
  for (; limit < 40; limit++) {
    values.push(minimise(objective, Float64Array.of(2), { tolerance: 0, evaluations: limit }, arithmetic()).value);
  }
  for (let i = 1; i < values.length; i++)
    assert.ok(values[i]! <= values[i - 1]!, `${values[i]} after ${values[i - 1]}`);
  assert.ok(values.at(-1)! < 1e-3, `${values.at(-1)}`);
});

test('evaluates no more often than it may, and says how often it did', () => {
  for (const limit of [1, 2, 3, 7]) {
    let calls = 0;
    const counted: Objective = (x, gradient) => {
      calls += 1;
      return valley(x, gradient);
    };
    const { evaluations } = minimise(
      counted,
      Float64Array.of(-1.2, 1),
      { tolerance: 0, evaluations: limit },
      arithmetic(),
    );
    assert.equal(evaluations, calls);
    assert.ok(calls <= limit);
  }
});

test('a wider tolerance ends sooner', () => {
  const factors = Array.from({ length: 30 }, (_, i) => 1000 ** (i / 29));
  const evaluations = [1e-1, 1e-3, 1e-9].map(
    (tolerance) => minimise(bowl(factors), new Float64Array(30), { ...exact, tolerance }, arithmetic()).evaluations,
  );
  assert.ok(evaluations[0]! < evaluations[1]! && evaluations[1]! < evaluations[2]!, `${evaluations}`);
});

test('at the minimum already, it stays', () => {
  const { point, evaluations } = minimise(bowl([1, 2]), Float64Array.of(0, 1), exact, arithmetic());
  assert.deepEqual([...point], [0, 1]);
  assert.equal(evaluations, 1);
});

test('a value that is no number is no way to go', () => {
  const cliff: Objective = (x, gradient) => {
    gradient[0] = 1;
    return x[0]! < 0 ? NaN : x[0]!;
  };
  const { point, value } = minimise(cliff, Float64Array.of(0.5), { tolerance: 0, evaluations: 60 }, arithmetic());
  assert.ok(point[0]! >= 0 && value < 0.5, `${point}`);
});
