import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  chooseEngine,
  fewestPairs,
  leastRatio,
  mostDisagreement,
  usualDisagreement,
} from '../../../src/engine/choose-engine.js';
import type { TimedPair } from '../../../src/engine/timed-pairs.js';

/** Nine pairs whose ratios (ONNX Runtime over sparse) are these, in another order. */
function timed(ratios: readonly number[], disagreement = 0) {
  const pairs: TimedPair[] = ratios.map((ratio, i) => ({ sparse: 1 + i, onnxruntime: ratio * (1 + i) }));
  return { kind: 'timed', disagreement, pairs } as const;
}
const nine = (middle: number) => [9, 0.1, 8, 0.2, middle, 7, 0.3, 6, 0.4];

test('the median decides, not the mean or the best', () => {
  assert.equal(chooseEngine(timed(nine(2))).engine, 'sparse');
  assert.equal(chooseEngine(timed(nine(1))).engine, 'onnxruntime');
  assert.equal(chooseEngine(timed(nine(0.5))).engine, 'onnxruntime');
});

test('exactly at the bound the sparse engine is taken, just below it is not', () => {
  const pairs = Array.from({ length: fewestPairs }, () => ({ sparse: 100, onnxruntime: 105 }));
  assert.equal(chooseEngine({ kind: 'timed', disagreement: 0, pairs }).ratio?.median, leastRatio);
  assert.equal(chooseEngine({ kind: 'timed', disagreement: 0, pairs }).engine, 'sparse');
  const below = pairs.map(({ sparse }) => ({ sparse, onnxruntime: 104.999 }));
  assert.equal(chooseEngine({ kind: 'timed', disagreement: 0, pairs: below }).engine, 'onnxruntime');
});

test('a tie goes to ONNX Runtime', () => {
  const { engine, warn, ratio } = chooseEngine(timed(new Array(fewestPairs).fill(1)));
  assert.deepEqual([engine, warn, ratio?.median], ['onnxruntime', false, 1]);
});

test('the reason says what was measured', () => {
  const { reason, ratio, warn } = chooseEngine(timed(nine(2)));
  assert.equal(warn, false);
  assert.deepEqual([ratio?.median, ratio?.min, ratio?.max], [2, 0.1, 9]);
  assert.match(
    reason,
    /took 5\.00 ms an image, .* ratio 2\.00 \(0\.10 to 9\.00, 9 interleaved pairs, sparse from 1\.05\)/,
  );
});

test('fewer than nine pairs decide nothing', () => {
  assert.throws(() => chooseEngine(timed(new Array(fewestPairs - 1).fill(5))), RangeError);
});

test('engines that disagree, or whose difference is no number: ONNX Runtime, with a warning', () => {
  assert.equal(chooseEngine(timed(nine(5), mostDisagreement)).engine, 'sparse');
  for (const disagreement of [1.01 * mostDisagreement, Number.POSITIVE_INFINITY, Number.NaN]) {
    const { engine, warn, reason } = chooseEngine(timed(nine(5), disagreement));
    assert.deepEqual([engine, warn], ['onnxruntime', true]);
    assert.match(reason, /disagree/);
  }
});

test('engines that differ by more than rounding usually does: the faster one, with a warning', () => {
  for (const [middle, engine] of [
    [5, 'sparse'],
    [0.5, 'onnxruntime'],
  ] as const) {
    const usual = chooseEngine(timed(nine(middle), usualDisagreement));
    assert.deepEqual([usual.engine, usual.warn], [engine, false]);
    assert.doesNotMatch(usual.reason, /disagree/);
    const much = chooseEngine(timed(nine(middle), 1.01 * usualDisagreement));
    assert.deepEqual([much.engine, much.warn, much.ratio?.median], [engine, true, middle]);
    assert.match(much.reason, /ratio .*; the engines disagree by 1\.0e-5 of the largest value \(1e-5 is usual\)/);
  }
});

test('the engine that failed is not taken, however fast, and its reason is told', () => {
  const sparse = chooseEngine({ kind: 'failed', engine: 'sparse', reason: 'it broke' });
  assert.deepEqual([sparse.engine, sparse.warn], ['onnxruntime', true]);
  assert.match(sparse.reason, /the sparse engine failed in the trial \(it broke\)/);
  const onnxruntime = chooseEngine({ kind: 'failed', engine: 'onnxruntime', reason: 'out of memory' });
  assert.deepEqual([onnxruntime.engine, onnxruntime.warn], ['sparse', true]);
  assert.match(onnxruntime.reason, /ONNX Runtime failed in the trial \(out of memory\)/);
});
