// The plain arithmetic against formulas written down naively; that the native one equals it is test/unit/native/arithmetic.test.ts.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { arithmetic } from '../../../../src/learner/arithmetic/arithmetic.js';
import { plainArithmetic as plain } from '../../../../src/learner/arithmetic/plain.js';
import { loadNative, type SoftmaxProblem } from '../../../../src/native/index.js';
import { Numbers } from '../../native/numbers.js';

function assertClose(given: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-12): void {
  assert.equal(given.length, expected.length);
  for (let i = 0; i < expected.length; i++) {
    assert.ok(Math.abs(given[i]! - expected[i]!) <= tolerance, `[${i}] is ${given[i]}, must be ${expected[i]}`);
  }
}

/** The full matrix of a packed triangle. */
function unpacked(packed: Float64Array, size: number): number[][] {
  const at = (i: number, j: number) => packed[(Math.max(i, j) * (Math.max(i, j) + 1)) / 2 + Math.min(i, j)]!;
  return Array.from({ length: size }, (_, i) => Array.from({ length: size }, (_, j) => at(i, j)));
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** In the words of src/native/arithmetic.ts. */
function sumInLanes(row: Float64Array, vector: Float64Array): number {
  const whole = Math.floor(vector.length / 8) * 8;
  const products = Array.from(vector, (value, d) => row[d]! * value);
  const lane = (l: number) => sum(products.filter((_, d) => d < whole && d % 8 === l));
  const lanes = lane(0) + lane(4) + (lane(2) + lane(6)) + (lane(1) + lane(5) + (lane(3) + lane(7)));
  return lanes + sum(products.slice(whole));
}

describe('plain arithmetic', () => {
  const numbers = new Numbers(5);

  it('multiplies rows, adding in eight lanes', () => {
    for (const columns of [0, 1, 7, 8, 9, 40, 45]) {
      const [matrix, vector] = [numbers.usual(4 * columns), numbers.usual(columns)];
      const out = new Float64Array(4);
      plain.multiplyRows(matrix, vector, 4, out);
      assert.deepEqual(
        [...out],
        [0, 1, 2, 3].map((row) => sumInLanes(matrix.subarray(row * columns), vector)),
      );
    }
  });

  it('adds an outer product', () => {
    const matrix = Float64Array.of(1, 2, 3, 4, 5, 6, 7);
    plain.addOuter(matrix, Float64Array.of(10, 100), Float64Array.of(1, 2, 3), 2);
    assert.deepEqual([...matrix], [11, 22, 33, 104, 205, 306, 7]);
  });

  it('makes a step of SGD', () => {
    const [weights, velocity, average] = [Float64Array.of(1, 2), Float64Array.of(4, 8), Float64Array.of(0, 1)];
    const [input, errors, pulls] = [Float64Array.of(2), Float64Array.of(3, 5), Float64Array.of(0.5, 1)];
    const constants = { rate: 0.25, momentum: 0.5, weightDecay: 2 };
    plain.stepRows({ rows: 2, weights, velocity, average, input, errors, pulls, ...constants });
    assert.deepEqual([...velocity], [2 + 6 + 2, 4 + 10 + 4]);
    assert.deepEqual([...weights], [1 - 2.5, 2 - 4.5]);
    assert.deepEqual([...average], [-0.75, -2.5]);
  });

  it('multiplies and updates symmetric matrices', () => {
    for (const size of [1, 2, 8, 9, 21]) {
      const [packed, vector, columns] = [
        numbers.usual((size * (size + 1)) / 2),
        numbers.usual(size),
        numbers.usual(3 * size),
      ];
      const coefficients = numbers.usual(3);
      const before = unpacked(packed, size);
      const out = new Float64Array(size);
      plain.multiplySymmetric(packed, vector, out);
      assertClose(
        out,
        before.map((row) => sum(row.map((value, j) => value * vector[j]!))),
      );
      plain.addSymmetricOuters(packed, columns, coefficients, 3);
      const added = (i: number, j: number) =>
        sum([0, 1, 2].map((k) => coefficients[k]! * columns[k * size + i]! * columns[k * size + j]!));
      const after = unpacked(packed, size);
      assertClose(
        after.flat(),
        before.flatMap((row, i) => row.map((value, j) => value + added(i, j))),
      );
    }
  });

  it('computes the softmax loss, and a gradient that finite differences confirm', () => {
    const [samples, classes, dimensions] = [7, 4, 11];
    const problem: SoftmaxProblem = {
      ...{ samples, classes, embeddings: Float32Array.from(numbers.usual(samples * dimensions)) },
      ...{ labels: Int32Array.of(0, 3, 1, 2, 2, 0, 1), sampleWeights: numbers.usual(samples).map((x) => x + 1.5) },
      ...{ weights: numbers.usual(classes * dimensions), bias: numbers.usual(classes) },
      ...{ weightGradient: new Float64Array(classes * dimensions), biasGradient: new Float64Array(classes) },
    };
    const lossWith = (change: Partial<SoftmaxProblem>) =>
      plain.softmaxLoss({
        ...problem,
        weightGradient: new Float64Array(classes * dimensions),
        biasGradient: new Float64Array(classes),
        ...change,
      });
    const loss = plain.softmaxLoss(problem);
    assertClose([loss], [naiveLoss(problem)], 1e-11);
    const slope = (name: 'weights' | 'bias', i: number) => {
      const moved = (by: number) => lossWith({ [name]: problem[name].map((x, j) => (j === i ? x + by : x)) });
      return (moved(1e-5) - moved(-1e-5)) / 2e-5;
    };
    assertClose(
      problem.weightGradient,
      Array.from(problem.weights, (_, i) => slope('weights', i)),
      1e-8,
    );
    assertClose(
      problem.biasGradient,
      Array.from(problem.bias, (_, i) => slope('bias', i)),
      1e-8,
    );
    const again = problem.weightGradient.slice();
    plain.softmaxLoss({ ...problem, weightGradient: again });
    assertClose(
      again,
      problem.weightGradient.map((x) => 2 * x),
    );
  });
});

function naiveLoss({ samples, classes, embeddings, weights, bias, labels, sampleWeights }: SoftmaxProblem): number {
  const dimensions = weights.length / classes;
  const losses = Array.from({ length: samples }, (_, n) => {
    const logits = Array.from(bias, (b, c) =>
      sum([
        b,
        ...Array.from({ length: dimensions }, (_, d) => weights[c * dimensions + d]! * embeddings[n * dimensions + d]!),
      ]),
    );
    return sampleWeights[n]! * (Math.log(sum(logits.map(Math.exp))) - logits[labels[n]!]!);
  });
  return sum(losses);
}

describe('the arithmetic that learners get', () => {
  const native = loadNative();

  it('is the plain one when asked for', () => assert.equal(arithmetic('plain'), plain));

  it('is made once', () => assert.equal(arithmetic(), arithmetic('auto')));

  it('is plain without the addon', { skip: native.kind === 'native' && 'the addon is here' }, () => {
    assert.equal(arithmetic(), plain);
    assert.throws(() => arithmetic('scalar'), /npm run setup/);
  });

  it('is native with the addon', { skip: native.kind === 'absent' && native.reason }, () => {
    assert.notEqual(arithmetic(), plain);
    assert.doesNotThrow(() => arithmetic('scalar'));
  });
});
