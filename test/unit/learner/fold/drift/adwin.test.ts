import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Adwin } from '../../../../../src/learner/fold/drift/adwin.js';
import { DriftWatch } from '../../../../../src/learner/fold/drift/drift-watch.js';
import { seededRandom } from '../../../../support/seeded-random.js';

const DELTA = 0.002;

test('the histogram keeps the sum of the window, in few buckets', () => {
  const adwin = new Adwin();
  const random = seededRandom(1);
  let sum = 0;
  for (let i = 1; i <= 100_000; i++) {
    const value = random() < 0.3 ? 1 : 0;
    sum += value;
    adwin.add(value);
    if (i % 9_973 === 0) {
      assert.equal(adwin.width, i);
      assert.ok(Math.abs(adwin.mean - sum / i) < 1e-12);
    }
  }
  const { rows } = adwin.snapshot();
  assert.ok(rows.length <= 17 && rows.every((row) => row.length <= 5), `${rows.map((row) => row.length)}`);
});

test('a cut is found where the mean changed, and only what is newer stays', () => {
  const adwin = new Adwin();
  for (let i = 0; i < 1000; i++) adwin.add(i % 10 === 0 ? 1 : 0);
  assert.equal(adwin.findCut(DELTA), undefined);
  for (let i = 0; i < 200; i++) adwin.add(i % 2);
  const cut = adwin.findCut(DELTA);
  assert.ok(cut && Math.abs(cut.before - 0.1) < 0.03 && Math.abs(cut.after - 0.5) < 0.15, JSON.stringify(cut));
  adwin.keep(cut.recent);
  assert.equal(adwin.width, cut.recent);
  assert.ok(cut.recent >= 150 && cut.recent <= 320, `${cut.recent} newer values`);
});

/** @returns the sample at which drift was first reported; Infinity: never */
function firstDrift(errors: (i: number) => number, samples: number, seed: number): { drift: number; warning: number } {
  const watch = new DriftWatch(DELTA);
  const random = seededRandom(seed);
  const first = { drift: Infinity, warning: Infinity };
  for (let i = 0; i < samples && first.drift === Infinity; i++) {
    const news = watch.observe(random() < errors(i), { sequence: i, samples: i });
    if (news?.event.level === 'drift') first.drift = i;
    if (news?.event.level === 'warning') first.warning = Math.min(first.warning, i);
  }
  return first;
}

test('no error, any constant error, and an error that falls: next to no alarm in 5000 samples', () => {
  for (const error of [0, 0.02, 0.2, 0.5, 0.9]) {
    let alarms = 0;
    let warnings = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const { drift, warning } = firstDrift(() => error, 5000, seed);
      if (drift < Infinity) alarms += 1;
      if (warning < Infinity) warnings += 1;
    }
    assert.ok(alarms <= 1, `error ${error}: ${alarms} of 60 streams alarmed`);
    assert.ok(warnings <= 6, `error ${error}: ${warnings} of 60 streams warned`);
  }
  let alarms = 0;
  for (let seed = 1; seed <= 30; seed++) {
    if (firstDrift((i) => 0.1 + 0.8 / (1 + i / 100), 5000, seed).drift < Infinity) alarms += 1;
  }
  assert.equal(alarms, 0, 'learning is no drift');
});

test('a jump of the error is found within so many samples', () => {
  for (const [from, to, within] of [
    [0.05, 0.9, 64],
    [0.1, 0.5, 128],
    [0.3, 0.6, 256],
  ] as const) {
    for (let seed = 1; seed <= 20; seed++) {
      const { drift } = firstDrift((i) => (i < 1500 ? from : to), 3000, seed);
      const late = drift - 1500;
      assert.ok(late >= 0 && late <= within, `from ${from} to ${to}, seed ${seed}: found after ${late}`);
    }
  }
});

test('drift lasts, is told once, ends, and the next one is found; it goes on from a snapshot', () => {
  const watch = new DriftWatch(DELTA);
  const copies = [watch];
  const random = seededRandom(5);
  const levels: string[] = [];
  for (let i = 0; i < 8000; i++) {
    if (i === 2_100) copies.push(new DriftWatch(DELTA, JSON.parse(JSON.stringify(watch.snapshot()))));
    const wrong = random() < (i < 2000 ? 0.05 : i < 2200 ? 0.8 : i < 5000 ? 0.1 : 0.6);
    for (const each of copies) {
      const news = each.observe(wrong, { sequence: 3 * i, samples: i });
      if (news && each === watch) levels.push(news.event.level);
      assert.equal(news?.change !== undefined, news?.event.level === 'drift');
    }
  }
  assert.deepEqual(
    levels.filter((level) => level !== 'warning'),
    ['drift', 'stable', 'drift', 'stable'],
  );
  assert.deepEqual(copies[1]?.snapshot(), watch.snapshot());
  const [first] = watch.history.filter(({ level }) => level === 'drift');
  assert.ok(first && first.errorBefore < 0.1 && first.errorAfter > 0.5, JSON.stringify(first));
  assert.equal(first.sequence, 3 * first.samples);
});

test('a change that comes right after an alarm, and is larger, is found as soon; one that is no larger is not told again', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const random = seededRandom(seed);
    const watch = new DriftWatch(DELTA);
    const found: number[] = [];
    let mild = Infinity;
    for (let i = 0; i < 4_000; i++) {
      const error = i < 1_500 ? 0.05 : i < mild + 150 ? 0.3 : i < mild + 900 ? 0.9 : 0.3;
      const news = watch.observe(random() < error, { sequence: i + 1, samples: i });
      if (news?.change) found.push(i);
      if (news?.change && found.length === 1) mild = i;
    }
    assert.equal(found.length, 2, `seed ${seed}: ${found}`);
    assert.ok(found[1]! - (mild + 150) <= 96, `seed ${seed}: found after ${found[1]! - mild - 150}`);
    assert.equal(watch.level, 'stable');
  }
});

test('the history is bounded', () => {
  const watch = new DriftWatch(DELTA);
  for (let i = 0; i < 60_000; i++) watch.observe(i % 1500 > 750, { sequence: i + 1, samples: i });
  assert.equal(watch.history.length, 20);
  assert.ok(watch.history.every(({ samples }, i) => i === 0 || samples > watch.history[i - 1]!.samples));
});
