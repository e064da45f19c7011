import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Standardiser, startOfStandardiser } from '../../../../src/learner/head/standardise.js';

/** Two dimensions; the second is noise of no matter, and many samples are seen. */
function seen(embeddings: number[][]): Standardiser {
  const standardiser = new Standardiser(startOfStandardiser(embeddings[0]!.length));
  for (const embedding of embeddings) standardiser.observe(Float32Array.from(embedding));
  return standardiser;
}

function apply(standardiser: Standardiser, embedding: number[]): number[] {
  const out = new Float64Array(embedding.length);
  standardiser.apply(Float32Array.from(embedding), out);
  return [...out];
}

test('mean and sum of squares are those of all embeddings at once', () => {
  const values = Array.from({ length: 500 }, (_, i) => [1e4 + Math.fround(Math.sin(i * i)), Math.fround(i / 8)]);
  const { state } = seen(values);
  for (const d of [0, 1]) {
    const column = values.map((row) => Math.fround(row[d]!));
    const mean = column.reduce((a, b) => a + b) / column.length;
    const squares = column.reduce((sum, x) => sum + (x - mean) ** 2, 0);
    assert.ok(Math.abs(state.mean[d]! / mean - 1) < 1e-12);
    assert.ok(Math.abs(state.squares[d]! / squares - 1) < 1e-9, `dimension ${d}`);
  }
});

test('the result has one size, whatever the size and number of dimensions', () => {
  for (const [dimensions, size] of [
    [4, 1],
    [512, 1e-3],
    [1024, 1e5],
  ] as const) {
    const make = (i: number) =>
      Array.from({ length: dimensions }, (_, d) => size * (3 + Math.sin(i * 12.9898 + d * 78.233)));
    const standardiser = seen(Array.from({ length: 300 }, (_, i) => make(i)));
    const lengths = Array.from({ length: 50 }, (_, i) => Math.hypot(...apply(standardiser, make(i + 1000))));
    const meanLength = lengths.reduce((a, b) => a + b) / lengths.length;
    assert.ok(meanLength > 6 && meanLength < 10, `${dimensions} dimensions of size ${size}: length ${meanLength}`);
  }
});

test('before two different embeddings were seen, all becomes zero', () => {
  const none = new Standardiser(startOfStandardiser(2));
  assert.deepEqual(apply(none, [3, 4]), [0, 0]);
  assert.deepEqual(apply(seen([[3, 4]]), [5, 6]), [0, 0]);
  assert.deepEqual(
    apply(
      seen([
        [3, 4],
        [3, 4],
      ]),
      [5, 6],
    ),
    [0, 0],
  );
  assert.ok(
    apply(
      seen([
        [3, 4],
        [3, 5],
      ]),
      [5, 6],
    ).every(Number.isFinite),
  );
});

test('dead dimensions, and one wild dimension, leave the others their size', () => {
  const rows = Array.from({ length: 200 }, (_, i) => [
    Math.sin(i),
    Math.cos(i * 3),
    1e30 * Math.sin(i * 5),
    0,
    0,
    0,
    0,
  ]);
  const [first, second, wild, ...dead] = apply(seen(rows), rows[2]!);
  const [alone] = apply(seen(rows.map((row) => [row[0]!, row[1]!, row[1]!, 0, 0, 0, 0])), [
    Math.sin(2),
    0,
    0,
    0,
    0,
    0,
    0,
  ]);
  assert.ok(Math.abs(first! / alone! - 1) < 0.2, `${first} beside a wild dimension, ${alone} beside tame ones`);
  assert.ok(Math.abs(second!) > 0.5 && Math.abs(wild!) < 10);
  assert.deepEqual(dead, [0, 0, 0, 0]);
});

test('an outlier moves mean and variances no more than the farthest of the others could', () => {
  const make = (i: number) => Array.from({ length: 16 }, (_, d) => 5 + Math.sin(i * 12.9898 + d * 78.233));
  const rows = Array.from({ length: 200 }, (_, i) => make(i));
  const [plain, disturbed] = [
    seen(rows),
    seen(rows.toSpliced(100, 0, Array(16).fill(3e38), Array(16).fill(-3e38), Array(16).fill(1e20))),
  ];
  for (let d = 0; d < 16; d++) {
    const [before, after] = [plain.scale[d]!, disturbed.scale[d]!];
    assert.ok(after < before && after > before / 1.5, `dimension ${d}: ${before} became ${after}`);
    assert.ok(Math.abs(disturbed.state.mean[d]! - plain.state.mean[d]!) < 0.2);
  }
});

test('what has become larger for good is followed', () => {
  const make = (i: number, size: number) =>
    Array.from({ length: 16 }, (_, d) => size * Math.sin(i * 12.9898 + d * 78.233));
  const rows = Array.from({ length: 2_000 }, (_, i) => make(i, i < 100 ? 1 : 1e6));
  const direct = seen(rows.slice(100));
  const followed = seen(rows);
  for (let d = 0; d < 16; d++) assert.ok(followed.scale[d]! < 2 * direct.scale[d]!, `dimension ${d}`);
});

test('forgetting keeps mean and variance, and lets new embeddings move them sooner', () => {
  const rows = Array.from({ length: 1_000 }, (_, i) => [Math.sin(i * i), Math.cos(i * i * 3)]);
  const [kept, forgot] = [seen(rows), seen(rows)];
  forgot.forget(100);
  assert.equal(forgot.state.count, 100);
  for (const d of [0, 1]) {
    assert.equal(forgot.state.mean[d], kept.state.mean[d]);
    assert.ok(Math.abs(forgot.state.squares[d]! / 100 / (kept.state.squares[d]! / 1_000) - 1) < 1e-12);
  }
  for (let i = 0; i < 50; i++) for (const each of [kept, forgot]) each.observe(Float32Array.of(2 + Math.sin(i), 0));
  assert.ok(forgot.state.mean[0]! > 4 * kept.state.mean[0]!);
});

test('after it has forgotten, it standardises as one that is made of its state', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const standardiser = seen(Array.from({ length: 200 }, (_, i) => [Math.sin(i * seed), Math.cos(i * i * 3), i % 7]));
    standardiser.forget(64 + seed);
    const restored = new Standardiser(structuredClone(standardiser.state));
    assert.deepEqual(apply(restored, [3, 4, 5]), apply(standardiser, [3, 4, 5]), `seed ${seed}`);
    assert.equal(restored.typicalSquaredLength, standardiser.typicalSquaredLength);
  }
});
