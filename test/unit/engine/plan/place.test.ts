import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mostAlive, placeBySize } from '../../../../src/engine/plan/place.js';
import { seededRandom } from '../../../../src/server/data/random.js';

test('a chain takes two places in turn', () => {
  const chain = [
    { bytes: 64, from: -1, to: 0 },
    { bytes: 128, from: 0, to: 1 },
    { bytes: 64, from: 1, to: 2 },
    { bytes: 128, from: 2, to: 3 },
  ];
  assert.deepEqual(
    placeBySize(chain).map(({ offset }) => offset),
    [128, 0, 128, 0],
  );
  assert.equal(mostAlive(chain), 192);
});

test('what ends at a step and what begins at it are alive together; at the next step no more', () => {
  assert.equal(
    mostAlive([
      { bytes: 1, from: 0, to: 1 },
      { bytes: 2, from: 1, to: 2 },
      { bytes: 4, from: 2, to: 3 },
    ]),
    6,
  );
  assert.equal(mostAlive([]), 0);
});

test('nothing that is alive at the same time overlaps, and memory is used again', () => {
  let reused = 0;
  for (let seed = 1; seed <= 40; seed++) {
    const random = seededRandom(seed);
    const below = (count: number) => Math.floor(random() * count);
    const lifetimes = Array.from({ length: 30 }, () => {
      const from = below(40);
      return { bytes: 64 * (1 + below(20)), from, to: from + below(10) };
    });
    const placed = placeBySize(lifetimes);
    const bytes = Math.max(...placed.map((one) => one.offset + one.bytes));
    assert.ok(bytes >= mostAlive(lifetimes), `seed ${seed}`);
    if (bytes < lifetimes.reduce((sum, one) => sum + one.bytes, 0)) reused++;
    for (const [index, left] of placed.entries()) {
      for (const right of placed.slice(index + 1)) {
        const together = left.to >= right.from && right.to >= left.from;
        const apart = left.offset + left.bytes <= right.offset || right.offset + right.bytes <= left.offset;
        assert.ok(!together || apart, `seed ${seed}`);
      }
    }
  }
  assert.equal(reused, 40);
});
