import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exp } from '../../../../src/learner/head/exp.js';
import { log } from '../../../../src/learner/head/log.js';

const view = new DataView(new ArrayBuffer(8));
/** The bits of a positive double as an integer: neighbours differ by one. */
function bits(x: number): bigint {
  view.setFloat64(0, Math.abs(x));
  return view.getBigInt64(0);
}
function unitsApart(a: number, b: number): number {
  if (a !== 0 && b !== 0 && Math.sign(a) !== Math.sign(b)) return Infinity;
  return Math.abs(Number(bits(a) - bits(b)));
}
/** Deterministic points spread over [from, to], their digits without a pattern. */
function* points(from: number, to: number, count: number): Generator<number> {
  let state = 12345;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    yield from + ((to - from) * (i + state / 2 ** 32)) / count;
  }
}

test('exp agrees with the engine to a unit in the last place or two', () => {
  // The engine's own may be off by one unit on the other side, hence 2.
  for (const [from, to] of [
    [-1, 1],
    [-40, 0],
    [-745, 709.7],
    [-1e-9, 1e-9],
    [-745.1, -700],
    [700, 709.78],
  ] as const) {
    for (const x of points(from, to, 20_000)) {
      assert.ok(unitsApart(exp(x), Math.exp(x)) <= 2, `exp(${x}) = ${exp(x)}, engine ${Math.exp(x)}`);
    }
  }
});

test('exp at its edges', () => {
  assert.equal(exp(0), 1);
  assert.equal(exp(-0), 1);
  assert.equal(exp(Infinity), Infinity);
  assert.equal(exp(-Infinity), 0);
  assert.ok(Number.isNaN(exp(Number.NaN)));
  assert.equal(exp(710), Infinity);
  assert.equal(exp(-746), 0);
  assert.ok(exp(709.782712893384) < Infinity && exp(709.782712893384) > 1.79e308);
  assert.equal(exp(-745.1332191019411), Number.MIN_VALUE);
});

test('log agrees with the engine to a unit in the last place or two', () => {
  for (const [from, to] of [
    [0.5, 2],
    [0.99, 1.01],
    [1e-300, 1e-290],
    [1, 1e6],
    [1e300, 1.7e308],
    [1e-320, 1e-308],
  ] as const) {
    for (const x of points(from, to, 20_000)) {
      assert.ok(unitsApart(log(x), Math.log(x)) <= 2, `log(${x}) = ${log(x)}, engine ${Math.log(x)}`);
    }
  }
});

test('log at its edges, and as the inverse of exp', () => {
  assert.equal(log(1), 0);
  assert.equal(log(0), -Infinity);
  assert.equal(log(Infinity), Infinity);
  assert.ok(Number.isNaN(log(-1)) && Number.isNaN(log(Number.NaN)));
  assert.ok(unitsApart(log(Number.MIN_VALUE), Math.log(Number.MIN_VALUE)) <= 1);
  for (const x of points(-700, 700, 5_000)) assert.ok(Math.abs(log(exp(x)) - x) <= 1e-13 * Math.max(1, Math.abs(x)));
});

test('the bits are fixed: another engine or a rewrite that changes them would break old logs', () => {
  const sum = [...points(-30, 0, 1000)].reduce((total, x) => total + exp(x), 0);
  view.setFloat64(0, sum);
  assert.equal(view.getBigUint64(0).toString(16), '4040ac1d717bfcca');
});
