import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Reservoir } from '../../../../../src/learner/learners/refit/reservoir.js';

/** Each embedding is its sample's number, so that members tell where they come from. */
function filled(capacity: number, labels: Iterable<number>, seed = 1): Reservoir {
  const reservoir = new Reservoir(1, capacity, seed);
  let births = 0;
  for (const label of labels) {
    while (label >= reservoir.snapshot().seen.length) reservoir.addClass();
    births += 1;
    reservoir.add(Float32Array.of(births), label, births);
  }
  return reservoir;
}

function repeated(label: number, times: number): number[] {
  return new Array<number>(times).fill(label);
}

function counts(reservoir: Reservoir): number[] {
  return reservoir.snapshot().seen.map((_, c) => reservoir.count(c));
}

function bornOf(reservoir: Reservoir, label: number): number[] {
  return Array.from({ length: reservoir.size }, (_, slot) => slot)
    .filter((slot) => reservoir.label(slot) === label)
    .map((slot) => reservoir.birth(slot));
}

test('keeps everything until it is full, in the order in which it came', () => {
  const reservoir = filled(100, [0, 1, 0, 2, 0]);
  assert.equal(reservoir.size, 5);
  assert.deepEqual([...reservoir.copy().embeddings], [1, 2, 3, 4, 5]);
  assert.deepEqual([...reservoir.copy().labels], [0, 1, 0, 2, 0]);
});

test('takes memory as it fills, and none beyond its capacity', () => {
  const reservoir = new Reservoir(64, 1000, 1);
  reservoir.addClass();
  const embedding = new Float32Array(64);
  reservoir.add(embedding, 0, 1);
  const small = reservoir.bytes;
  for (let i = 2; i <= 5000; i++) reservoir.add(embedding, 0, i);
  assert.ok(small < 64 * 4 * 50, `${small} bytes for one`);
  assert.equal(reservoir.size, 1000);
  assert.ok(reservoir.bytes <= 1000 * (64 * 4 + 16), `${reservoir.bytes}`);
});

test('a rare class keeps all it has, and frequent ones share the rest', () => {
  const labels = Array.from({ length: 20_000 }, (_, i) => (i % 1000 === 500 ? 2 : i % 4 === 0 ? 1 : 0));
  const reservoir = filled(300, labels);
  const [first, second, rare] = counts(reservoir);
  assert.equal(rare, 20);
  assert.equal(first! + second! + rare!, 300);
  assert.ok(Math.abs(first! - second!) <= 1, `${counts(reservoir)}`);
});

test('a class that comes late gets its share', () => {
  const reservoir = filled(90, [...repeated(0, 500), ...repeated(1, 500), ...repeated(2, 200)]);
  assert.deepEqual(counts(reservoir), [30, 30, 30]);
});

test('the members of a class are a uniform sample of its history', () => {
  // 160 samples of a class in 20 places, over many seeds: each should be a member in an eighth of the runs.
  const runs = 400;
  const members = new Array<number>(160).fill(0);
  for (let seed = 0; seed < runs; seed++) {
    const reservoir = filled(40, [...repeated(0, 160), ...repeated(1, 20)], seed);
    assert.deepEqual(counts(reservoir), [20, 20]);
    for (const birth of bornOf(reservoir, 0)) members[birth - 1] = members[birth - 1]! + 1;
  }
  const quarters = [0, 1, 2, 3].map((q) => members.slice(q * 40, q * 40 + 40).reduce((sum, n) => sum + n, 0));
  const expected = (runs * 20) / 4;
  // Three standard deviations of a count with this mean.
  for (const quarter of quarters) assert.ok(Math.abs(quarter - expected) < 3 * Math.sqrt(expected), `${quarters}`);
});

test('after long, a class is represented by its later samples', () => {
  const born = bornOf(filled(20, repeated(0, 20_000)), 0);
  const mean = born.reduce((sum, birth) => sum + birth, 0) / born.length;
  assert.ok(mean > 18_000, `born at ${mean} on average`);
});

test('goes on from a snapshot as if nothing had happened', () => {
  const labels = Array.from({ length: 400 }, (_, i) => (i * i) % 5);
  const reservoir = filled(50, labels);
  const restored = new Reservoir(1, 50, 99, structuredClone(reservoir.snapshot()));
  assert.deepEqual(restored.snapshot(), reservoir.snapshot());
  for (let i = 0; i < 300; i++) {
    for (const each of [reservoir, restored]) each.add(Float32Array.of(i), i % 5, 401 + i);
  }
  assert.deepEqual(restored.snapshot(), reservoir.snapshot());
});

test('other seeds choose other members', () => {
  const [one, two] = [1, 2].map((seed) => filled(20, repeated(0, 100), seed));
  assert.notDeepEqual(bornOf(one!, 0), bornOf(two!, 0));
});

test('a fifth of each class is held out', () => {
  const { heldOut, labels } = filled(1000, [...repeated(0, 100), ...repeated(1, 50), 2, 2]).copy();
  const held = [0, 1, 2].map((c) => heldOut.filter((flag, slot) => flag === 1 && labels[slot] === c).length);
  assert.deepEqual(held, [20, 10, 0]);
});

test('a removed class leaves its room to the others', () => {
  const reservoir = filled(30, [...repeated(0, 30), ...repeated(1, 10), ...repeated(2, 10)]);
  const before = bornOf(reservoir, 2);
  reservoir.removeClass(1);
  assert.deepEqual(bornOf(reservoir, 1), before);
  assert.equal(reservoir.size, 20);
  reservoir.add(Float32Array.of(99), 0, 51);
  assert.equal(reservoir.size, 21);
});

test('forgets the old world, but for the newest of classes that are not in the new one', () => {
  const reservoir = filled(1000, [...repeated(0, 40), ...repeated(1, 40), ...repeated(0, 30)]);
  reservoir.forget(80, 1, 8);
  assert.deepEqual(
    bornOf(reservoir, 0),
    Array.from({ length: 30 }, (_, i) => 81 + i),
  );
  assert.deepEqual(
    bornOf(reservoir, 1),
    Array.from({ length: 8 }, (_, i) => 73 + i),
  );
  const { seen } = reservoir.snapshot();
  assert.deepEqual(seen, [30, 8], 'what is left stands for the new world alone');
});

test('what is worth something stays in part: the newest of each class, as evenly as can be', () => {
  const labels = [...repeated(0, 40), ...repeated(1, 40), ...repeated(2, 3), ...repeated(0, 10)];
  const reservoir = filled(1000, labels);
  reservoir.forget(83, 24, 5);
  // 10 old ones of each of the first two, and all of the third; 24 would not be enough for 11.
  assert.deepEqual(counts(reservoir), [20, 10, 3]);
  assert.equal(Math.min(...bornOf(reservoir, 0)), 31);
  const all = filled(1000, labels);
  all.forget(83, Infinity, 5);
  assert.equal(all.size, 93);
});

test('members count so much that a class weighs what is between its share of the stream and an equal one', () => {
  const stream = Array.from({ length: 10_000 }, (_, i) => (i % 100 === 50 ? 1 : 0));
  // Whether there was room for all or not.
  for (const capacity of [20_000, 1000]) {
    const reservoir = filled(capacity, stream);
    const [frequent, rare] = [0, 1].map((c) => reservoir.weight(c) * reservoir.count(c));
    assert.ok(Math.abs(frequent! / rare! / Math.sqrt(99) - 1) < 0.1, `${frequent} and ${rare}`);
  }
  const balanced = filled(
    100,
    Array.from({ length: 400 }, (_, i) => i % 4),
  );
  // As before there was a balance: each member stands for four, and counts two.
  for (const c of [0, 1, 2, 3]) assert.equal(balanced.weight(c), 2);
});

test('a copy does not change with the reservoir', () => {
  const reservoir = filled(4, [0, 0, 0, 0]);
  const copy = reservoir.copy();
  for (let i = 5; i < 200; i++) reservoir.add(Float32Array.of(i), 0, i);
  assert.deepEqual([...copy.embeddings], [1, 2, 3, 4]);
  assert.notDeepEqual([...reservoir.copy().embeddings], [1, 2, 3, 4]);
});
