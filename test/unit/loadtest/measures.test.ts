// What is read from the server, from errors and from moments.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status as Status } from '@grpc/grpc-js';
import { outcomeOf } from '../../../loadtest/generator/recorder.js';
import { rateOf } from '../../../loadtest/run/rate.js';
import { changeBetween, sampleOf } from '../../../loadtest/run/results.js';
import { bucketQuantile, bucketsBetween, MetricsText, shareBelow } from '../../../loadtest/servers/metrics-text.js';

const BEFORE = `# HELP delay how late
# TYPE delay histogram
delay_bucket{le="0.001"} 10
delay_bucket{le="0.01"} 20
delay_bucket{le="+Inf"} 20
delay_sum 0.05
delay_count 20
`;
const AFTER = `delay_bucket{le="0.001"} 60
delay_bucket{le="0.01"} 119
delay_bucket{le="+Inf"} 120
delay_sum 1.05
delay_count 120
requests{model="a \\"quoted\\" name",code="OK"} 7
requests{model="b",code="OK"} 5
requests{model="b",code="INTERNAL"} 1
`;

test('Prometheus text is read with its labels', () => {
  const text = new MetricsText(AFTER);
  assert.equal(text.sum('requests'), 13);
  assert.equal(text.sum('requests', { code: 'OK' }), 12);
  assert.equal(text.all('requests')[0]?.labels.model, 'a "quoted" name');
  assert.ok(Number.isNaN(text.sum('absent')));
});

test('a histogram between two moments has its own percentiles', () => {
  const buckets = bucketsBetween(new MetricsText(BEFORE), new MetricsText(AFTER), 'delay');
  assert.equal(buckets.count, 100);
  assert.deepEqual(buckets.below, [50, 99, 100]);
  assert.equal(bucketQuantile(buckets, 0.5), 0.001);
  assert.ok(Math.abs(bucketQuantile(buckets, 0.99) - 0.01) < 1e-12);
  assert.equal(bucketQuantile(buckets, 1), 0.01);
  assert.equal(shareBelow(buckets, 0.01), 0.99);
  assert.ok(Number.isNaN(bucketQuantile(bucketsBetween(new MetricsText(''), new MetricsText(''), 'delay'), 0.5)));
});

test('a server that does not tell something is not taken for a good one', () => {
  const empty = new MetricsText('');
  assert.ok(Number.isNaN(sampleOf(0, empty, empty).residentBytes));
  assert.ok(Number.isNaN(changeBetween(empty, empty).overheadMedian));
});

test('a rate is the slope of the count, so answers that come in batches do not distort it', () => {
  // Eight at once every 100 ms: 80 a second, wherever the window's edges are.
  const moments = Array.from({ length: 60 }, (_, batch) => Array.from({ length: 8 }, () => 50 + 100 * batch)).flat();
  assert.ok(Math.abs(rateOf(moments) / 80 - 1) < 0.01, String(rateOf(moments)));
  assert.ok(Number.isNaN(rateOf([1, 2])));
});

test('refusals at once, requests that were too late, and failures are told apart', () => {
  const outcome = (code: Status, details = '') => outcomeOf({ code, details });
  assert.equal(outcomeOf(null), 'ok');
  assert.equal(outcome(Status.RESOURCE_EXHAUSTED), 'refused');
  assert.equal(
    outcome(Status.DEADLINE_EXCEEDED, 'backbone x: not run: about 30 ms of work are in front of it'),
    'refused',
  );
  assert.equal(
    outcome(Status.DEADLINE_EXCEEDED, 'the deadline passed while the request waited; it was not run'),
    'expired',
  );
  assert.equal(outcome(Status.DEADLINE_EXCEEDED, 'Deadline exceeded after 0.2s'), 'expired');
  assert.equal(outcome(Status.INTERNAL), 'failed');
  assert.equal(outcome(Status.UNAVAILABLE), 'failed');
});
