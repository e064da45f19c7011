import assert from 'node:assert/strict';
import { test } from 'node:test';
import { retainVersions } from '../../../../src/learner/heads/snapshots/retention.js';
import type { HeadVersion } from '../../../../src/learner/types.js';

const MINUTE = 60_000;
const rules = { keep: 3, keepForMs: 24 * 60 * MINUTE };
const none = new Set<number>();

function version(number: number, createdAtMs: number, stateDigest: string | null = null): HeadVersion {
  const position = { streamCreated: 't', sequence: number };
  const common = { samples: number, position, champion: 'sgd', accuracy: null } as const;
  return { version: number, createdAtMs, modelDigest: `m${number}`, stateDigest, ...common };
}

/** Newest first: one a minute, the newest at `nowMs`. */
function everyMinute(count: number, nowMs: number): HeadVersion[] {
  return Array.from({ length: count }, (_, i) => version(count - i, nowMs - i * MINUTE));
}

const numbers = (versions: readonly HeadVersion[]) => versions.map((each) => each.version);

test('the newest stay, and older ones thin out with their age', () => {
  const now = 1e12;
  const kept = retainVersions(everyMinute(1_000, now), rules, { nowMs: now, needed: none });
  assert.deepEqual(numbers(kept.slice(0, 3)), [1000, 999, 998]);
  assert.ok(kept.length < 30, `${kept.length} of 1000`);
  assert.equal(kept.at(-1)?.version, 1, 'the oldest is within keepForMs');
  const ages = kept.slice(3).map(({ createdAtMs }) => now - createdAtMs);
  for (let i = 1; i < ages.length; i++) assert.ok(ages[i]! <= 2 * ages[i - 1]!, `${ages[i - 1]} then ${ages[i]}`);
});

test('thinning each time a version comes keeps the same spread', () => {
  let versions: HeadVersion[] = [];
  let now = 1e12;
  for (let number = 1; number <= 3_000; number++) {
    now += MINUTE;
    versions = retainVersions([version(number, now), ...versions], rules, { nowMs: now, needed: none });
    assert.ok(versions.length < 40, `${versions.length} at ${number}`);
  }
  const ages = versions.slice(3).map(({ createdAtMs }) => now - createdAtMs);
  assert.ok(ages.at(-1)! > rules.keepForMs / 2, 'old ones are there');
  assert.ok(ages.at(-1)! <= rules.keepForMs, 'none is too old');
  for (let i = 1; i < ages.length; i++) assert.ok(ages[i]! <= 4 * ages[i - 1]!, `${ages[i - 1]} then ${ages[i]}`);
});

test('without an age only the newest stay', () => {
  const kept = retainVersions(everyMinute(50, 1e12), { keep: 4, keepForMs: 0 }, { nowMs: 1e12, needed: none });
  assert.deepEqual(numbers(kept), [50, 49, 48, 47]);
});

test('what is needed and the newest with a state stay whatever their age', () => {
  const now = 1e12;
  const versions = everyMinute(20, now).map((each) =>
    [2, 5, 7, 9].includes(each.version) ? { ...each, stateDigest: `s${each.version}` } : each,
  );
  const kept = retainVersions(versions, { keep: 3, keepForMs: 0 }, { nowMs: now, needed: new Set([1, 2]) });
  assert.deepEqual(numbers(kept), [20, 19, 18, 9, 2, 1]);
  assert.deepEqual(
    kept.map(({ stateDigest }) => stateDigest),
    [null, null, null, 's9', 's2', null],
  );
});

test('the newest two states stay, those of other versions go', () => {
  const now = 1e12;
  const versions = everyMinute(6, now).map((each) => ({ ...each, stateDigest: `s${each.version}` }));
  const kept = retainVersions(versions, { keep: 10, keepForMs: 0 }, { nowMs: now, needed: new Set([3]) });
  assert.deepEqual(
    kept.map(({ stateDigest }) => stateDigest),
    ['s6', 's5', null, 's3', null, null],
  );
});

test('a clock that went back drops nothing new', () => {
  const versions = everyMinute(5, 1e12);
  const kept = retainVersions(versions, { keep: 2, keepForMs: 1 }, { nowMs: 1e12 - 60 * MINUTE, needed: none });
  assert.deepEqual(numbers(kept.slice(0, 2)), [5, 4]);
});
