import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SnapshotPaces, SnapshotSchedule } from '../../../../src/learner/heads/snapshots/snapshot-schedule.js';

const policy = { everySamples: 100, everyMs: 1_000, stateEveryMs: 10_000 };

function opened(paces = new SnapshotPaces(), at = { sequence: 50, samples: 50 }): SnapshotSchedule {
  const schedule = new SnapshotSchedule(policy, paces);
  schedule.opened(at, { sequence: at.sequence, isDue: false }, 0);
  return schedule;
}

const at = (sequence: number, stateBytes = 1_000) => ({ sequence, samples: sequence, stateBytes });

test('a version is due after so many samples, or so long after the last, if anything was learned', () => {
  const schedule = opened();
  assert.equal(schedule.due(at(50), 5_000), 'nothing');
  assert.equal(schedule.dueInMs(at(50), 5_000), undefined);
  assert.equal(schedule.due(at(51), 999), 'nothing');
  assert.equal(schedule.dueInMs(at(51), 400), 600);
  assert.equal(schedule.due(at(51), 1_000), 'version');
  const quick = opened();
  assert.equal(quick.due(at(150), 1), 'version');
  quick.stored(at(150), undefined, 2);
  assert.equal(quick.due(at(151), 3), 'nothing');
});

test('a promotion makes a version due at once', () => {
  const schedule = opened();
  schedule.force();
  assert.equal(schedule.due(at(51), 1), 'version');
  schedule.stored(at(51), undefined, 1);
  assert.equal(schedule.due(at(52), 2), 'nothing');
});

test('the state comes along less often, and once more when all is quiet', () => {
  const schedule = opened();
  schedule.stored(at(60), undefined, 9_500);
  assert.equal(schedule.dueInMs(at(60), 9_600), 400, 'nothing new since the version, but the state is older');
  assert.equal(schedule.due(at(60), 10_000), 'state');
  schedule.stored(at(60), 1_000, 10_000);
  assert.equal(schedule.dueInMs(at(60), 10_001), undefined);
  assert.equal(schedule.due(at(61), 11_001), 'version');
});

test('a state that could not be taken is tried again soon, not at once', () => {
  const schedule = opened();
  assert.equal(schedule.due(at(60), 10_000), 'state');
  schedule.stored(at(60), undefined, 10_000);
  assert.equal(schedule.due(at(60), 10_500), 'nothing');
  assert.equal(schedule.due(at(60), 11_000), 'state');
});

test('a damaged state is replaced at once', () => {
  const schedule = new SnapshotSchedule(policy, new SnapshotPaces());
  schedule.opened(at(50), { sequence: 0, isDue: true }, 0);
  assert.equal(schedule.due(at(49), 1), 'nothing', 'not where the newest version was yet');
  assert.equal(schedule.due(at(50), 1), 'state');
});

test('nothing is due while it learns again what the newest version knows', () => {
  const schedule = opened();
  schedule.force();
  assert.equal(schedule.due(at(40), 20_000), 'nothing');
  assert.equal(schedule.dueInMs(at(40), 20_000), undefined);
});

test('after a failure it waits', () => {
  const schedule = opened();
  assert.equal(schedule.due(at(60), 10_000), 'state');
  schedule.failed(10_000);
  assert.equal(schedule.due(at(60), 10_500), 'nothing');
  assert.equal(schedule.due(at(60), 11_000), 'state');
});

test('large states of many heads keep to the rate', () => {
  const paces = new SnapshotPaces();
  const bytes = 8_000_000;
  const heads = Array.from({ length: 5 }, () => opened(paces));
  const stored: number[] = [];
  for (let now = 0; now <= 60_000; now += 100) {
    for (const [index, schedule] of heads.entries()) {
      if (schedule.due(at(60 + now, bytes / 2), now) !== 'state') continue;
      schedule.stored(at(60 + now), bytes, now);
      stored.push(index);
    }
  }
  const most = (60 * 4_000_000) / bytes;
  assert.ok(stored.length <= most, `${stored.length} of ${most}`);
  assert.ok(stored.length >= most * 0.7, `${stored.length}: the rate is used`);
  for (const index of heads.keys()) assert.ok(stored.filter((each) => each === index).length >= 3, `head ${index}`);
});

test('versions of a thousand heads keep to the rate, each gets its turn, and a promotion does not wait', () => {
  const paces = new SnapshotPaces();
  const heads = Array.from({ length: 1_000 }, () => new SnapshotSchedule({ ...policy, stateEveryMs: 1e9 }, paces));
  for (const schedule of heads) schedule.opened({ sequence: 0, samples: 0 }, { sequence: 0, isDue: false }, 0);
  const counts = new Array<number>(heads.length).fill(0);
  for (let now = 0; now <= 60_000; now += 50) {
    for (const [index, schedule] of heads.entries()) {
      if (schedule.due(at(1 + now), now) === 'nothing') continue;
      schedule.stored(at(1 + now), undefined, now);
      counts[index]! += 1;
    }
  }
  const total = counts.reduce((sum, count) => sum + count, 0);
  assert.ok(total <= 60 * 40 && total >= 60 * 40 * 0.9, `${total}`);
  assert.ok(
    counts.every((count) => count >= 2),
    `the least: ${Math.min(...counts)}`,
  );
  const promoted = heads[0]!;
  promoted.force();
  assert.equal(promoted.due(at(70_000), 60_001), 'version');
});
