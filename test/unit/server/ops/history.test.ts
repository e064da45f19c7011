import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeadHistory, MAX_HEADS } from '../../../../src/server/ops/history/heads.js';
import { Latencies } from '../../../../src/server/ops/history/latencies.js';
import { Recorder } from '../../../../src/server/ops/history/recorder.js';
import { TIERS, Tiers } from '../../../../src/server/ops/history/tiers.js';
import { TRAFFIC_COLUMNS, Traffic } from '../../../../src/server/ops/history/traffic.js';
import { FakeLearning } from '../../../support/fake-learning.js';
import { PETS } from '../../../support/test-server.js';

test('two days of seconds: bounded, in order, fine at the end and coarse at the beginning', () => {
  const tiers = new Tiers(1);
  const day = 86_400;
  for (let second = 0; second <= 2 * day; second++) tiers.record(second * 1000, () => [second]);
  const rows = tiers.rows(0);
  assert.ok(rows.length <= TIERS.reduce((sum, { points }) => sum + points, 0));
  const times = rows.map(([time]) => time! / 1000);
  for (let at = 1; at < times.length; at++) assert.ok(times[at]! > times[at - 1]!, `row ${at}`);
  assert.equal(times.at(-1), 2 * day);
  assert.equal(times.at(-2), 2 * day - 1);
  assert.ok(times[0]! >= day - 300 && times[0]! <= day + 300, `a day back: ${times[0]}`);
  for (const [time, value] of rows) assert.equal(value, time! / 1000);
  assert.deepEqual(
    tiers.rows((2 * day - 2) * 1000).map(([time]) => time),
    [(2 * day - 1) * 1000, 2 * day * 1000],
  );
});

test('quantiles of latencies are within five per cent', () => {
  const latencies = new Latencies();
  assert.ok(Number.isNaN(latencies.quantile(0.5)));
  for (let ms = 1; ms <= 1000; ms++) latencies.add(ms);
  for (const fraction of [0.01, 0.5, 0.95, 0.99]) {
    const error = latencies.quantile(fraction) / (fraction * 1000) - 1;
    assert.ok(Math.abs(error) < 0.06, `${fraction}: ${error}`);
  }
  latencies.clear();
  for (const ms of [0, 1e-9, 1e12]) latencies.add(ms);
  assert.ok(latencies.quantile(1) > 60_000, 'the longest of all are in the last bucket');
});

test('a row of traffic: rates since the last row of its tier', () => {
  const traffic = new Traffic();
  const counts = { images: 0, computeMs: 0, queueDepth: 0, labels: 0 };
  traffic.tick(0, counts);
  for (let request = 0; request < 30; request++) traffic.request(request < 6 ? 'INTERNAL' : 'OK', 10);
  traffic.tick(1000, { ...counts, queueDepth: 7 });
  traffic.tick(3000, { images: 100, computeMs: 500, queueDepth: 1, labels: 4 });
  const row = (at: number) =>
    Object.fromEntries(TRAFFIC_COLUMNS.map((name, column) => [name, traffic.rows(-1)[at]![column + 1]!]));
  assert.equal(row(1).requests, 30);
  assert.equal(row(1).errors, 6);
  assert.equal(row(1).queueDepth, 7);
  assert.ok(Math.abs(row(1).p50Ms! - 10) < 0.6);
  assert.deepEqual([row(2).requests, row(2).images, row(2).busy, row(2).labels], [0, 50, 0.25, 2]);
  assert.ok(Number.isNaN(row(2).p50Ms!), 'nothing was answered');
});

test('heads: deleted ones are forgotten, one made anew begins anew, and of too many those that learn are kept', () => {
  const { heads } = new FakeLearning();
  const history = new HeadHistory();
  const head = (name: string, generation = 1) => {
    const definition = { name, backbone: 'tiny', backboneIdentity: 'x', dimensions: 3, maxClasses: 9 };
    heads.add({ ...definition, classes: 'open', learner: { serve: 'auto', train: 'auto' } as never }, generation);
    heads.teach(name, PETS);
  };
  head('a');
  history.tick(0, heads.list());
  history.tick(1000, heads.list());
  assert.equal(history.rows('a', -1)?.length, 2);
  head('a', 2);
  history.tick(2000, heads.list());
  assert.equal(history.rows('a', -1)?.length, 1);
  heads.forget('a');
  history.tick(3000, heads.list());
  assert.equal(history.rows('a', -1), undefined);

  for (let at = 0; at < MAX_HEADS; at++) head(`b${String(at).padStart(3, '0')}`);
  history.tick(4000, heads.list());
  head('c');
  history.tick(5000, heads.list());
  assert.equal(history.rows('c', -1), undefined, 'the others learned a second ago');
  history.tick(69_000, heads.list());
  assert.equal(history.rows('c', -1), undefined, 'it learns nothing');
  for (const name of ['b000', 'c']) heads.teach(name, PETS);
  history.tick(70_000, heads.list());
  assert.equal(history.rows('c', -1)?.length, 1);
  assert.ok(history.rows('b000', -1), 'it learned just now');
});

test('what heads had learned before the start is no throughput, and looking costs a hundredth of the time at most', () => {
  let now = 0;
  const recorder = new Recorder(() => now);
  const learning = new FakeLearning();
  recorder.learn(learning);
  recorder.tick();
  const definition = { name: 'a', backbone: 'tiny', backboneIdentity: 'x', dimensions: 3, maxClasses: 9 };
  learning.heads.add({ ...definition, classes: 'open', learner: { serve: 'auto', train: 'auto' } as never });
  learning.heads.teach('a', PETS);
  for (now = 1000; now <= 2000; now += 1000) recorder.tick();
  learning.heads.teach('a', PETS);
  recorder.tick();
  const labels = recorder.traffic.rows(-1).map((row) => row[1 + TRAFFIC_COLUMNS.indexOf('labels')]);
  assert.deepEqual(labels, [Number.NaN, 0, 0, 10]);
});
