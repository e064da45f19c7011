import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServedCache } from '../../../src/learner/nats/stores/served-cache.js';

function record(id: string, floats = 4) {
  return {
    id,
    version: 1,
    predicted: 'cat',
    embedding: new Float32Array(floats),
    backboneIdentity: 'b',
    servedAtMs: 1,
  };
}

test('a record is found once it is stored, and is the only one of its subject', () => {
  const cache = new ServedCache(1e6);
  cache.add('s', record('a'));
  assert.equal(cache.get('s'), undefined);
  cache.stored('s', 5);
  cache.heard('s', 5);
  assert.equal(cache.get('s')?.id, 'a');
});

test('a second record of the same subject makes it ask the stream', () => {
  const cache = new ServedCache(1e6);
  cache.add('s', record('a'));
  cache.stored('s', 5);
  cache.add('s', record('a'));
  assert.equal(cache.get('s'), undefined);
});

test("another process's record of the same subject does so too, whichever comes first", () => {
  for (const early of [true, false]) {
    const cache = new ServedCache(1e6);
    cache.add('s', record('a'));
    if (early) cache.heard('s', 4);
    cache.stored('s', 5);
    if (!early) cache.heard('s', 6);
    assert.equal(cache.get('s'), undefined, `early: ${early}`);
  }
});

test('it is bounded in bytes, the oldest go first', () => {
  const cache = new ServedCache(10_000);
  for (let i = 0; i < 100; i++) {
    cache.add(`s${i}`, record(`${i}`, 250));
    cache.stored(`s${i}`, i + 1);
  }
  const kept = Array.from({ length: 100 }, (_, i) => i).filter((i) => cache.get(`s${i}`) !== undefined);
  assert.deepEqual(kept, [93, 94, 95, 96, 97, 98, 99]);
});
