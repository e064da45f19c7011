import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Images } from '../../../src/engine/backbone.js';
import { findItemProblem, findNotFinite } from '../../../src/engine/items.js';
import { somePixels } from './fixtures.js';

test('items with the wrong number of values are named', () => {
  const good: Images = { kind: 'pixels', count: 1, data: somePixels(1, 2, 1) };
  assert.equal(findItemProblem([good], 2), undefined);
  assert.match(findItemProblem([], 2) ?? '', /no images/);
  assert.match(findItemProblem([good, { ...good, count: 2 }], 2) ?? '', /item 1 .* needs 24 values, but has 12/);
  assert.match(findItemProblem([{ ...good, count: 0 }], 2) ?? '', /count 0/);
  assert.match(findItemProblem([{ ...good, count: 0.5 }], 2) ?? '', /count 0.5/);
});

test('an embedding that is not finite is named by image and position', () => {
  assert.equal(findNotFinite(Float32Array.of(1, -2, 0, 3), 2), undefined);
  assert.match(findNotFinite(Float32Array.of(1, 2, 3, Number.NaN), 2) ?? '', /image 1 of 2 holds NaN at 1;/);
  assert.match(findNotFinite(Float32Array.of(1, -Infinity), 1) ?? '', /image 0 of 1 holds -Infinity at 1;/);
});
