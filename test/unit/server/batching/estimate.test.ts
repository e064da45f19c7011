import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SpeedEstimate } from '../../../../src/server/batching/estimate.js';
import { seeded } from './simulation.js';

const near = (actual: number, expected: number, part: number) =>
  assert.ok(Math.abs(actual - expected) <= part * expected, `${actual}, expected ${expected}`);

/** Batches of random sizes that take 10 ms and 4 ms an image, with noise. */
function learn(estimate: SpeedEstimate, batches: number, seed = 1, slower = 1): void {
  const random = seeded(seed);
  for (let batch = 0; batch < batches; batch++) {
    const images = 1 + Math.floor(random() * 16);
    estimate.observe(images, slower * (10 + 4 * images) * (0.95 + 0.1 * random()));
  }
}

test('nothing is known before the first batch', () => {
  const estimate = new SpeedEstimate();
  assert.deepEqual([estimate.known, estimate.ofBatch(5), estimate.ofImages(5, 2)], [false, 0, 0]);
});

test('a batch costs something, and each image in it', () => {
  const estimate = new SpeedEstimate();
  learn(estimate, 100);
  near(estimate.batchMs, 10, 0.15);
  near(estimate.imageMs, 4, 0.05);
  near(estimate.ofImages(40, 16), 3 * 10 + 40 * 4, 0.05);
  assert.equal(estimate.ofBatch(0), 0);
});

test('as long as batches are of one size, time is in proportion to images', () => {
  const estimate = new SpeedEstimate();
  for (let batch = 0; batch < 5; batch++) estimate.observe(4, 20);
  near(estimate.ofBatch(4), 20, 1e-9);
  near(estimate.ofBatch(8), 40, 1e-9);
});

test('the first batch, which warms everything up, is soon forgotten', () => {
  const estimate = new SpeedEstimate();
  estimate.observe(1, 3000);
  near(estimate.ofBatch(1), 3000, 1e-9);
  estimate.observe(1, 10);
  near(estimate.ofBatch(1), 10, 1e-9);
});

test('one stall does not make the backbone slow', () => {
  const estimate = new SpeedEstimate();
  learn(estimate, 50);
  const before = estimate.ofBatch(8);
  estimate.observe(8, 50 * before);
  near(estimate.ofBatch(8), before, 0.05);
});

test('a lasting change is followed, both ways', () => {
  const estimate = new SpeedEstimate();
  learn(estimate, 50);
  learn(estimate, 120, 2, 8);
  near(estimate.ofBatch(8), 8 * 42, 0.1);
  learn(estimate, 120, 3, 1);
  near(estimate.ofBatch(8), 42, 0.1);
});

test('what was slow is forgotten after a few faster batches, with the shape of the line', () => {
  const estimate = new SpeedEstimate();
  learn(estimate, 50, 1, 24);
  for (let batch = 0; batch < 4; batch++) estimate.observe(1, 14);
  near(estimate.ofBatch(1), 14, 0.1);
  near(estimate.ofBatch(16), 74, 0.3);
});

test('a few fast batches among others change little', () => {
  const estimate = new SpeedEstimate();
  learn(estimate, 50);
  for (let batch = 0; batch < 3; batch++) estimate.observe(8, 10);
  learn(estimate, 3, 2);
  near(estimate.ofBatch(8), 42, 0.35);
});

test('neither part is ever negative, and more images never take less time, whatever comes', () => {
  const random = seeded(4);
  const estimate = new SpeedEstimate();
  for (const odd of [Number.NaN, -1, Number.POSITIVE_INFINITY]) estimate.observe(3, odd);
  assert.equal(estimate.known, false);
  for (let batch = 0; batch < 5000; batch++) {
    estimate.observe(1 + Math.floor(random() * 32), random() < 0.1 ? 0 : random() ** 8 * 1e5);
    assert.ok(estimate.batchMs >= 0 && estimate.imageMs >= 0 && Number.isFinite(estimate.ofBatch(32)));
    assert.ok(estimate.relativeDeviation >= 0.05 && estimate.relativeDeviation <= 1);
  }
});
