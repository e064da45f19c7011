import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { arithmetic } from '../../../../../../src/learner/arithmetic/arithmetic.js';
import { minimise } from '../../../../../../src/learner/learners/refit/fit/lbfgs.js';
import {
  joinParameters,
  softmaxRegression,
  splitParameters,
} from '../../../../../../src/learner/learners/refit/fit/softmax-regression.js';
import { seededRandom } from '../../../../../support/seeded-random.js';
import { overlapping, regressionProblem } from './regression-problem.js';

const PYTHON = '/usr/bin/python3';

/** What scikit-learn (1.2.1) finds for `regressionProblem(weightOfThird)`: the output of ORACLE below, with sample_weight, rounded. */
const known = [
  {
    weightOfThird: 1,
    weights: [
      0.070645, 0.030776, -0.143696, -0.119449, -0.426261, -0.101494, 0.135604, 0.082766, 0.047564, 0.143454, 0.030849,
      -0.16638, 0.06093, 0.071884, 0.282808,
    ],
    bias: [0.183809, -0.064128, -0.119681],
  },
  {
    weightOfThird: 2.5,
    weights: [
      0.230416, -0.004413, -0.233336, -0.239174, -0.478815, -0.328661, 0.136051, 0.145436, 0.154306, 0.108267, 0.098245,
      -0.131638, 0.0879, 0.084869, 0.370548,
    ],
    bias: [0.691865, -0.25401, -0.437855],
  },
];

const ORACLE = `
import json, sys
from sklearn.linear_model import LogisticRegression
problem = json.load(sys.stdin)
model = LogisticRegression(C=1 / problem['penalty'], tol=1e-12, max_iter=100000)
model.fit(problem['x'], problem['y'], problem.get('sampleWeights'))
print(json.dumps({'weights': model.coef_.ravel().tolist(), 'bias': model.intercept_.tolist()}))
`;

/** The bias is known up to a constant; scikit-learn's sums to zero, as it does from zeros here. */
function solved(problem: ReturnType<typeof regressionProblem>) {
  const objective = softmaxRegression(problem, arithmetic());
  const start = new Float64Array(problem.classes * (problem.dimensions + 1));
  const { point } = minimise(objective, start, { tolerance: 0, evaluations: 500 }, arithmetic());
  return splitParameters(point, problem.classes);
}

function assertClose(actual: ArrayLike<number>, expected: readonly number[], most: number): void {
  assert.equal(actual.length, expected.length);
  expected.forEach((value, i) => {
    assert.ok(Math.abs(actual[i]! - value) <= most, `${i}: ${actual[i]} for ${value}`);
  });
}

test('the gradient is that of the value, by finite differences', () => {
  const problem = regressionProblem(2.5);
  const objective = softmaxRegression(problem, arithmetic());
  const random = seededRandom(4);
  const point = Float64Array.from({ length: problem.classes * (problem.dimensions + 1) }, () => 2 * random() - 1);
  const gradient = new Float64Array(point.length).fill(NaN);
  objective(point, gradient);
  const h = 1e-5;
  for (let i = 0; i < point.length; i++) {
    const at = (shift: number) => {
      const moved = point.slice();
      moved[i] = moved[i]! + shift;
      return objective(moved, new Float64Array(point.length));
    };
    const slope = (at(h) - at(-h)) / (2 * h);
    assert.ok(
      Math.abs(gradient[i]! - slope) < 1e-6 * Math.max(1, Math.abs(slope)),
      `${i}: ${gradient[i]} for ${slope}`,
    );
  }
});

test('the value at zero is the logarithm of the classes, and the bias has no penalty', () => {
  const problem = regressionProblem();
  const objective = softmaxRegression(problem, arithmetic());
  const gradient = new Float64Array(problem.classes * (problem.dimensions + 1));
  const zeros = new Float64Array(gradient.length);
  assert.ok(Math.abs(objective(zeros, gradient) - problem.samples * Math.log(problem.classes)) < 1e-9);
  const shifted = joinParameters(zeros.subarray(0, problem.classes * problem.dimensions), Float64Array.of(7, 7, 7));
  assert.ok(Math.abs(objective(shifted, gradient) - objective(zeros, gradient)) < 1e-9);
});

for (const { weightOfThird, weights, bias } of known) {
  test(`the minimum is the one that scikit-learn found (weight ${weightOfThird})`, () => {
    const found = solved(regressionProblem(weightOfThird));
    assertClose(found.weights, weights, 2e-5);
    assertClose(found.bias, bias, 2e-5);
  });
}

const sklearn = spawnSync(PYTHON, ['-c', 'import sklearn.linear_model']).status === 0;

test('the minimum is the one that scikit-learn finds', {
  skip: sklearn ? false : `${PYTHON} has no scikit-learn (Debian: python3-sklearn)`,
}, () => {
  for (const penalty of [0.1, 2, 50]) {
    const problem = { ...regressionProblem(2.5), penalty };
    const input = JSON.stringify({ ...overlapping, penalty, sampleWeights: [...problem.sampleWeights] });
    const run = spawnSync(PYTHON, ['-W', 'ignore', '-c', ORACLE], { input, encoding: 'utf8' });
    assert.equal(run.status, 0, run.stderr);
    const expected = JSON.parse(run.stdout) as { weights: number[]; bias: number[] };
    const found = solved(problem);
    assertClose(found.weights, expected.weights, 1e-4);
    assertClose(found.bias, expected.bias, 1e-4);
  }
});
