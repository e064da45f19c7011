import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareMemories, Memory } from '../../../../../src/learner/fold/candidates/forgetting.js';
import { OldSamples } from '../../../../../src/learner/fold/candidates/old-samples.js';

function memory(known: number, of = 100): Memory {
  const made = new Memory();
  for (let i = 0; i < of; i++) made.add(i < known);
  return made;
}

test('who knows much less of the past than the best, and than of the newest samples, forgets, until it knows more', () => {
  const compare = (known: number, accuracy: number, of = 100) => {
    const memories = [memory(90), memory(known, of)];
    compareMemories(memories.map((each) => ({ memory: each, accuracy })));
    assert.equal(memories[0]?.forgets, false);
    return memories[1]!;
  };
  assert.equal(compare(40, 0.8).forgets, true);
  assert.equal(compare(80, 0.95).forgets, false, 'near the best');
  assert.equal(compare(40, 0.4).forgets, false, 'no better on the newest samples');
  assert.equal(compare(10, 0.8, 49).forgets, false, 'too few were asked for');
  const forgetful = compare(40, 0.8);
  const best = memory(90);
  for (const [known, forgets] of [
    [75, true],
    [85, false],
    [75, false],
  ] as const) {
    for (let i = 0; i < 100; i++) forgetful.add(i < known);
    compareMemories([best, forgetful].map((each) => ({ memory: each, accuracy: 0.8 })));
    assert.equal(forgetful.forgets, forgets, `${known} of 100 known`);
  }
  const restored = new Memory(structuredClone(forgetful.snapshot()));
  assert.deepEqual(restored.snapshot(), forgetful.snapshot());
});

test('only old samples are drawn, each in its turn, whatever class is frequent', () => {
  const old = new OldSamples(1, 3);
  for (let i = 1; i <= 600; i++) {
    old.add(Float32Array.of(i), i > 400 ? 2 : i % 20 === 0 ? 1 : 0, i);
    if (i <= 100) assert.equal(old.draw(i), undefined);
  }
  const copy = new OldSamples(1, 3, structuredClone(old.snapshot()));
  const drawn = Array.from({ length: 128 }, () => {
    const sample = old.draw(600)!;
    assert.deepEqual(copy.draw(600), sample);
    assert.ok(sample.embedding[0]! <= 500);
    return { ...sample, value: sample.embedding[0]! };
  });
  const count = (c: number) => drawn.filter(({ classIndex }) => classIndex === c).length;
  assert.ok(count(0) >= 30 && count(1) >= 15 && count(2) >= 10, `${[0, 1, 2].map(count)}`);
  old.clear(2);
  assert.equal(old.draw(600), undefined);
});
