// The addon's arithmetic against the plain TypeScript that defines it: every instruction set of this machine, every function, bit for bit.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { plainArithmetic } from '../../../src/learner/arithmetic/plain.js';
import type { Arithmetic, SgdStep, SoftmaxProblem } from '../../../src/native/index.js';
import { native, skip } from './addon.js';
import { assertSameNumbers, Numbers } from './numbers.js';

/** Around whole lanes of eight, groups of rows, and parts of columns that are worked on together. */
const lengths = [...Array.from({ length: 41 }, (_, d) => d), 127, 128, 129, 136, 255, 256, 257, 264, 512, 1000, 1024];
const rowCounts = [0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 20];

/**
 * Calls `use` with the plain arithmetic and then with that of each instruction set, and compares what it returns. It must make its arguments
 * itself, from the same numbers each time.
 */
function compareAll(what: string, use: (arithmetic: Arithmetic) => readonly ArrayLike<number>[]): void {
  const expected = use(plainArithmetic);
  for (const isa of native().isas) {
    const given = use(native().arithmetic(isa));
    for (const [index, array] of expected.entries())
      assertSameNumbers(given[index]!, array, `${isa}, ${what}, ${index}`);
  }
}

function multiplyRows(a: Arithmetic, rows: number, columns: number): Float64Array[] {
  const numbers = new Numbers(rows * 7919 + columns);
  const [matrix, vector] = [numbers.doubles(rows * columns + 3), numbers.doubles(columns)];
  const [out, outOfFloats] = [numbers.doubles(rows + 2), numbers.doubles(rows + 2)];
  a.multiplyRows(matrix, vector, rows, out);
  a.multiplyRows(Float32Array.from(matrix), Float32Array.from(vector), rows, outOfFloats);
  return [out, outOfFloats];
}

function addOuter(a: Arithmetic, rows: number, columns: number): Float64Array[] {
  const numbers = new Numbers(rows * 7919 + columns);
  const matrix = numbers.doubles(rows * columns + 3);
  a.addOuter(matrix, numbers.doubles(rows), numbers.doubles(columns), rows);
  return [matrix];
}

function sgdStep(rows: number, columns: number, change: Partial<SgdStep> = {}): SgdStep {
  const numbers = new Numbers(rows * 7919 + columns);
  const matrix = () => numbers.doubles(rows * columns + 3);
  return {
    ...{ rows, weights: matrix(), velocity: matrix(), average: matrix(), input: numbers.doubles(columns) },
    ...{ errors: numbers.doubles(rows), pulls: numbers.doubles(rows), rate: 0.01, momentum: 0.9, weightDecay: 1e-4 },
    ...change,
  };
}

function stepRows(a: Arithmetic, rows: number, columns: number): Float64Array[] {
  const step = sgdStep(rows, columns);
  a.stepRows(step);
  return [step.weights, step.velocity, step.average];
}

const triangle = (size: number) => (size * (size + 1)) / 2;

function multiplySymmetric(a: Arithmetic, size: number): Float64Array[] {
  const numbers = new Numbers(size);
  const out = numbers.doubles(size + 2);
  a.multiplySymmetric(numbers.doubles(triangle(size)), numbers.doubles(size), out);
  return [out];
}

function addSymmetricOuters(a: Arithmetic, size: number, count: number): Float64Array[] {
  const numbers = new Numbers(size * 31 + count);
  const packed = numbers.doubles(triangle(size));
  a.addSymmetricOuters(packed, numbers.doubles(count * size + 1), numbers.doubles(count), count);
  return [packed];
}

function softmaxProblem(samples: number, classes: number, dimensions: number, scale = 1): SoftmaxProblem {
  const numbers = new Numbers(samples * 7919 + classes * 31 + dimensions);
  return {
    ...{ samples, classes },
    embeddings: Float32Array.from(numbers.usual(samples * dimensions + 1)),
    labels: Int32Array.from({ length: samples }, () => numbers.below(classes)),
    sampleWeights: numbers.usual(samples).map((x, n) => (n % 5 === 3 ? 0 : x + 1)),
    weights: numbers.usual(classes * dimensions).map((x) => x * scale),
    bias: numbers.usual(classes).map((x) => x * scale),
    weightGradient: numbers.doubles(classes * dimensions),
    biasGradient: numbers.usual(classes),
  };
}

function softmaxLoss(a: Arithmetic, problem: SoftmaxProblem): ArrayLike<number>[] {
  const weightGradient = problem.weightGradient.slice();
  const biasGradient = problem.biasGradient.slice();
  const loss = a.softmaxLoss({ ...problem, weightGradient, biasGradient });
  return [[loss], weightGradient, biasGradient];
}

describe('native arithmetic gives the bits of the plain one', { skip }, () => {
  it('has the instruction sets of the kernels, down to scalar', () => {
    assert.ok(native().isas.includes('scalar'));
    assert.throws(() => native().arithmetic('sse9' as 'scalar'), /no instruction set 'sse9'/);
  });

  it('for products, outer products and steps, row by row', () => {
    for (const columns of lengths) {
      for (const rows of columns > 256 ? [1, 5] : rowCounts) {
        const size = `${rows} x ${columns}`;
        compareAll(`multiplyRows ${size}`, (a) => multiplyRows(a, rows, columns));
        compareAll(`addOuter ${size}`, (a) => addOuter(a, rows, columns));
        compareAll(`stepRows ${size}`, (a) => stepRows(a, rows, columns));
      }
    }
  });

  it('wherever in memory a row begins', () => {
    for (let offset = 0; offset < 9; offset++) {
      compareAll(`offset ${offset}`, (a) => {
        const numbers = new Numbers(offset);
        const [matrix, vector] = [numbers.doubles(300), numbers.doubles(37)];
        const out = numbers.doubles(12);
        a.addOuter(matrix.subarray(offset), numbers.doubles(7), vector, 7);
        a.multiplyRows(matrix.subarray(offset), vector, 7, out.subarray(1));
        return [matrix, out];
      });
    }
  });

  it('for symmetric matrices', () => {
    for (const size of lengths) {
      compareAll(`multiplySymmetric ${size}`, (a) => multiplySymmetric(a, size));
      for (const count of size > 264 ? [16] : [0, 1, 2, 15, 16, 17, 33]) {
        compareAll(`addSymmetricOuters ${count} of ${size}`, (a) => addSymmetricOuters(a, size, count));
      }
    }
  });

  it('for the softmax loss, around its blocks of samples, classes and columns', () => {
    const sizes = [
      ...[0, 1, 2, 3, 4, 5, 8, 9, 31, 32, 33, 36, 37, 65].flatMap((samples) => [
        [samples, 3, 9],
        [samples, 5, 70],
      ]),
      ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 20].flatMap((classes) => [
        [7, classes, 40],
        [7, classes, 13],
      ]),
      ...[0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 255, 256, 257, 263, 264, 511, 512, 520].map((d) => [6, 5, d]),
      ...[
        [70, 5, 5000],
        [3, 3000, 5],
        [40, 2100, 8],
      ], // Fewer samples at once than 32, down to four.
    ] as [number, number, number][];
    for (const [samples, classes, dimensions] of sizes) {
      const problem = softmaxProblem(samples, classes, dimensions);
      compareAll(`softmaxLoss ${samples}, ${classes}, ${dimensions}`, (a) => softmaxLoss(a, problem));
    }
  });

  it('for logits near and far: exp down to zero, log, infinities and NaN', () => {
    for (const scale of [1e-300, 1e-8, 10, 300, 1e5, 1e200, 1e308]) {
      compareAll(`scale ${scale}`, (a) => softmaxLoss(a, softmaxProblem(40, 50, 1, scale)));
    }
    // One sample whose logits are these: every exponent of exp, to the smallest subnormal and beyond.
    const logits = Float64Array.from({ length: 9001 }, (_, i) => -i / 12);
    logits.set(
      [Number.MIN_VALUE, -Number.MIN_VALUE, -0, -745.1332191019411, -745.1332191019412, -708.3964185322641],
      1,
    );
    for (const odd of [-1, NaN, Infinity, -Infinity]) {
      const bias = odd === -1 ? logits : logits.map((x, i) => (i === 77 ? odd : x));
      const problem = { ...softmaxProblem(1, bias.length, 0), bias };
      compareAll(`a logit of ${odd}`, (a) => softmaxLoss(a, problem));
    }
  });
});

/** A copy whose buffer was transferred away. */
function detached<T extends Float32Array | Float64Array | Int32Array>(array: T): T {
  const copy = array.slice() as T;
  structuredClone(copy.buffer, { transfer: [copy.buffer as ArrayBuffer] });
  return copy;
}

const five = () => new Float64Array(5);
const fifteen = () => new Float64Array(15);
const shared = new Float64Array(20);
const wrong = (value: unknown) => value as Float64Array;
const problem = (change: object) => ({ ...softmaxProblem(4, 3, 5), ...change }) as SoftmaxProblem;
const step = (change: object) => sgdStep(3, 5, change as Partial<SgdStep>);

const refusals: readonly [call: (a: Arithmetic) => void, message: RegExp][] = [
  [(a) => a.multiplyRows(five(), five(), 2, five()), /multiplyRows: matrix has 5 elements, but 10 are needed$/],
  [(a) => a.multiplyRows(fifteen(), five(), 3, new Float64Array(2)), /multiplyRows: out has 2 elements, but 3/],
  [(a) => a.multiplyRows(fifteen(), five(), -1, five()), /multiplyRows: rows must be a whole number from 0/],
  [(a) => a.multiplyRows(fifteen(), five(), 0.5, five()), /rows must be/],
  [(a) => a.multiplyRows(fifteen(), five(), NaN, five()), /rows must be/],
  [(a) => a.multiplyRows(fifteen(), five(), 2 ** 40, five()), /rows must be/],
  [(a) => a.multiplyRows(fifteen(), five(), wrong('3') as never, five()), /rows must be/],
  [(a) => a.multiplyRows(new Float32Array(15), five(), 3, five()), /matrix must be a Float64Array/],
  [(a) => a.multiplyRows(fifteen(), new Float32Array(5), 3, five()), /matrix must be a Float32Array/],
  [(a) => a.multiplyRows(fifteen(), wrong([1, 2]), 3, five()), /vector must be a Float64Array/],
  [(a) => a.multiplyRows(fifteen(), wrong(new Uint8Array(5)), 3, five()), /vector must be/],
  [(a) => a.multiplyRows(fifteen(), wrong(new DataView(new ArrayBuffer(40))), 3, five()), /vector must be/],
  [(a) => a.multiplyRows(fifteen(), wrong(undefined), 3, five()), /vector must be/],
  [(a) => a.multiplyRows(detached(fifteen()), five(), 3, five()), /matrix has 0 elements, but 15/],
  [(a) => a.multiplyRows(shared, five(), 4, shared.subarray(16)), /out overlaps matrix, but is written/],
  [(a) => a.multiplyRows(fifteen(), shared.subarray(0, 5), 3, shared.subarray(4)), /out overlaps vector/],
  [(a) => a.addOuter(fifteen(), new Float64Array(2), five(), 3), /addOuter: coefficients has 2 elements, but 3/],
  [(a) => a.addOuter(five(), five(), five(), 3), /matrix has 5 elements, but 15/],
  [(a) => a.addOuter(shared, five(), shared.subarray(0, 5), 3), /matrix overlaps vector/],
  [(a) => a.stepRows(step({ rows: 4 })), /stepRows: weights has 18 elements, but 20/],
  [(a) => a.stepRows(step({ velocity: five() })), /velocity has 5/],
  [(a) => a.stepRows(step({ average: null })), /average must be a Float64Array/],
  [(a) => a.stepRows(step({ errors: new Float64Array(2) })), /errors has 2/],
  [(a) => a.stepRows(step({ pulls: new Float64Array(2) })), /pulls has 2/],
  [(a) => a.stepRows(step({ rate: '1' })), /rate must be a number/],
  [(a) => a.stepRows(step({ momentum: undefined })), /momentum must be a number/],
  [(a) => a.stepRows(step({ weightDecay: 1n })), /weightDecay must be a number/],
  [(a) => a.stepRows(step({ weights: shared, velocity: shared })), /weights overlaps velocity/],
  [(a) => a.multiplySymmetric(five(), five(), five()), /multiplySymmetric: packed has 5 elements, but 15/],
  [(a) => a.multiplySymmetric(fifteen(), five(), new Float64Array(4)), /out has 4/],
  [(a) => a.multiplySymmetric(shared, five(), shared.subarray(10)), /out overlaps packed/],
  [(a) => a.multiplySymmetric(fifteen(), detached(five()), detached(five())), /^$/],
  [
    (a) => a.addSymmetricOuters(shared, five(), five(), 1),
    /packed has 20 elements, which is D \(D \+ 1\) \/ 2 for no D/,
  ],
  [(a) => a.addSymmetricOuters(fifteen(), five(), five(), 2), /columns has 5 elements, but 10/],
  [(a) => a.addSymmetricOuters(fifteen(), fifteen(), five().subarray(3), 3), /coefficients has 2/],
  [(a) => a.addSymmetricOuters(shared.subarray(5), shared.subarray(0, 6), five(), 1), /^$/],
  [(a) => a.addSymmetricOuters(shared.subarray(5), shared.subarray(1), five(), 1), /packed overlaps columns/],
  [(a) => a.addSymmetricOuters(fifteen(), fifteen(), five(), -1), /count must be/],
  [(a) => a.softmaxLoss(problem({ classes: 0 })), /softmaxLoss: weights must be .* of at least one class/],
  [(a) => a.softmaxLoss(problem({ classes: 4 })), /weights must be a Float64Array of \[classes, D\]/],
  [(a) => a.softmaxLoss(problem({ samples: 5 })), /embeddings has 21 elements, but 25/],
  [(a) => a.softmaxLoss(problem({ embeddings: new Float64Array(20) })), /embeddings must be a Float32Array/],
  [(a) => a.softmaxLoss(problem({ labels: new Int32Array(3) })), /labels has 3/],
  [(a) => a.softmaxLoss(problem({ labels: Int32Array.of(0, 1, 3, 0) })), /labels\[2\] is 3, but there are 3 classes/],
  [(a) => a.softmaxLoss(problem({ labels: Int32Array.of(0, -1, 0, 0) })), /labels\[1\] is -1/],
  [(a) => a.softmaxLoss(problem({ sampleWeights: new Float64Array(3) })), /sampleWeights has 3/],
  [(a) => a.softmaxLoss(problem({ bias: new Float64Array(2) })), /bias has 2/],
  [(a) => a.softmaxLoss(problem({ weightGradient: new Float64Array(14) })), /weightGradient has 14/],
  [(a) => a.softmaxLoss(problem({ biasGradient: detached(five()) })), /biasGradient has 0/],
  [
    (a) => a.softmaxLoss(problem({ weights: fifteen(), bias: shared, biasGradient: shared })),
    /biasGradient overlaps bias/,
  ],
];

describe('native arithmetic refuses what it can not use', { skip }, () => {
  for (const [call, message] of refusals) {
    it(String(call).replace(/^\(a\) => a\./, ''), () => {
      const a = native().arithmetic('auto');
      if (message.source === '^$') assert.doesNotThrow(() => call(a));
      else assert.throws(() => call(a), message);
    });
  }
});
