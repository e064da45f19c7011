import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arrivalTimes, secondsOf, shareOf } from '../../../loadtest/generator/schedule.js';

const gapsOf = (times: readonly number[]) => times.slice(1).map((time, index) => time - times[index]!);
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

test('constant arrivals have equal gaps, and as many as the rate says', () => {
  const times = arrivalTimes('constant', [{ seconds: 3, rate: 50 }], 1);
  assert.equal(times.length, 150);
  for (const gap of gapsOf(times)) assert.ok(Math.abs(gap - 20) < 1e-6);
  assert.equal(times[0], 10);
});

test('Poisson arrivals have the mean, the spread and the independence of one', () => {
  const times = arrivalTimes('poisson', [{ seconds: 2000, rate: 20 }], 7);
  // 40,000 expected with a standard deviation of 200: five of them.
  assert.ok(Math.abs(times.length - 40_000) < 1000, `${times.length} arrivals`);
  const gaps = gapsOf(times);
  const average = mean(gaps);
  const deviation = Math.sqrt(mean(gaps.map((gap) => (gap - average) ** 2)));
  assert.ok(Math.abs(average / 50 - 1) < 0.03, `mean gap ${average}`);
  // An exponential distribution's deviation is its mean; that of equal gaps would be 0.
  assert.ok(Math.abs(deviation / average - 1) < 0.05, `deviation ${deviation}`);
  const neighbours =
    mean(gaps.slice(1).map((gap, index) => (gap - average) * (gaps[index]! - average))) / deviation ** 2;
  assert.ok(Math.abs(neighbours) < 0.03, `neighbours correlate: ${neighbours}`);
});

test('a seed gives the same arrivals again, another one others', () => {
  const steps = [{ seconds: 5, rate: 30 }];
  assert.deepEqual(arrivalTimes('poisson', steps, 3), arrivalTimes('poisson', steps, 3));
  assert.notDeepEqual(arrivalTimes('poisson', steps, 3), arrivalTimes('poisson', steps, 4));
});

test('each step has its own rate, in its own time', () => {
  const steps = [
    { seconds: 100, rate: 10 },
    { seconds: 100, rate: 0 },
    { seconds: 100, rate: 100 },
  ];
  for (const arrivals of ['constant', 'poisson'] as const) {
    const times = arrivalTimes(arrivals, steps, 5);
    const within = (from: number, to: number) => times.filter((time) => time >= from && time < to).length;
    assert.ok(Math.abs(within(0, 100_000) - 1000) < 160);
    assert.equal(within(100_000, 200_000), 0);
    assert.ok(Math.abs(within(200_000, 300_000) - 10_000) < 500);
    assert.deepEqual(
      times,
      [...times].sort((left, right) => left - right),
    );
    assert.ok(times.every((time) => time >= 0 && time < 300_000));
  }
  assert.equal(secondsOf(steps), 300);
});

test('a rate that is none is refused', () => {
  assert.throws(() => arrivalTimes('constant', [{ seconds: 1, rate: -1 }], 1), RangeError);
  assert.throws(() => arrivalTimes('poisson', [{ seconds: 1, rate: Number.NaN }], 1), RangeError);
});

test('the shares of several processes are all of it, none twice', () => {
  const all = Array.from({ length: 100 }, (_, index) => index);
  const shares = [0, 1, 2].map((worker) => shareOf(all, worker, 3));
  assert.deepEqual(
    shares.flat().sort((left, right) => left - right),
    all,
  );
});
