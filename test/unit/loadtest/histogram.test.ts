import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LatencyHistogram } from '../../../loadtest/generator/histogram.js';
import { mergeCounts } from '../../../loadtest/generator/merge.js';
import { countOf } from './results.js';

function histogramOf(values: readonly number[]): LatencyHistogram {
  const histogram = LatencyHistogram.create();
  for (const value of values) histogram.record(value);
  return histogram;
}

const near = (value: number, expected: number) =>
  assert.ok(Math.abs(value / expected - 1) < 0.002, `${value} instead of ${expected}`);

test('percentiles of merged histograms are of all values together', () => {
  const all = Array.from({ length: 10_000 }, (_, index) => (index * 7919) % 10_000).map((value) => 1 + value / 10);
  // The slow ones are all in one part: a mean of percentiles would be far off.
  const sorted = [...all].sort((left, right) => left - right);
  const parts = [sorted.slice(0, 9000), sorted.slice(9000)].map((part) => histogramOf(part).encode());
  const merged = LatencyHistogram.merge(parts);
  const whole = histogramOf(all);
  assert.equal(merged.count, 10_000);
  for (const p of [0, 0.5, 0.9, 0.99, 0.999, 1]) assert.equal(merged.quantile(p), whole.quantile(p));
  near(merged.quantile(0.5), sorted[4999]!);
  near(merged.quantile(0.99), sorted[9899]!);
});

test('an empty histogram has no percentile, and merges', () => {
  const empty = LatencyHistogram.create();
  assert.equal(empty.encode(), '');
  assert.ok(Number.isNaN(empty.quantile(0.5)));
  assert.ok(Number.isNaN(empty.max));
  assert.equal(LatencyHistogram.merge(['', histogramOf([5]).encode(), '']).count, 1);
});

test('what can not be a latency is bounded, not lost', () => {
  const histogram = histogramOf([-3, 1e12]);
  assert.equal(histogram.count, 2);
  assert.equal(histogram.quantile(0), 0);
  near(histogram.quantile(1), 3_600_000);
});

test('counts of several processes become one, second by second', () => {
  const left = countOf({ latencies: [1, 2], refused: 1, seconds: 2 });
  const right = countOf({ latencies: [30, 40, 50], expired: 2, seconds: 3 });
  const merged = mergeCounts([left, right]);
  assert.equal(merged.offered, 8);
  assert.deepEqual(merged.outcomes, { ok: 5, refused: 1, expired: 2, failed: 0 });
  assert.equal(merged.seconds.length, 3);
  assert.equal(
    merged.seconds.reduce((sum, { answered }) => sum + answered, 0),
    5,
  );
  near(LatencyHistogram.decode(merged.latency).quantile(1), 50);
  near(LatencyHistogram.decode(merged.latency).quantile(0.2), 1);
});

test('counts of different traffics are not added', () => {
  assert.throws(() => mergeCounts([countOf({ latencies: [] }), countOf({ name: 'other', latencies: [] })]));
  assert.throws(() => mergeCounts([]));
});
