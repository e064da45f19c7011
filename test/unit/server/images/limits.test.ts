import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countThreads } from '../../../../src/engine/index.js';
import { withDefaults } from '../../../../src/server/images/limits.js';

const LIMITS = { maxBytes: 1e6, maxPixels: 1e6 };

test('decoders: 0 is as many as the engine has threads, within the quota of a container', () => {
  const quotaOfTwo = (setting: number) => (setting === 0 ? 2 : setting);
  assert.equal(withDefaults({ ...LIMITS, decoders: 0 }, quotaOfTwo).decoders, 2);
  assert.equal(withDefaults({ ...LIMITS, decoders: 5 }, quotaOfTwo).decoders, 5);
  assert.equal(withDefaults({ ...LIMITS, decoders: 0 }).decoders, countThreads(0));
});
