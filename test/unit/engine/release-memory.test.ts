import assert from 'node:assert/strict';
import { test } from 'node:test';
import { releaseMemory } from '../../../src/engine/release-memory.js';
import { until } from '../../support/until.js';

test('a released array is empty, and its memory is given back soon', async () => {
  const bytes = new Uint8Array(64 << 20);
  const before = process.memoryUsage().arrayBuffers;
  releaseMemory(bytes);
  assert.equal(bytes.length, 0);
  await until('64 MiB are free', () => process.memoryUsage().arrayBuffers <= before - (64 << 20));
});

test('memory that can not be handed over stays as it is', () => {
  const pooled = Buffer.from('a few bytes of the pool');
  releaseMemory(pooled);
  assert.equal(pooled.toString(), 'a few bytes of the pool');
  const shared = new Uint8Array(new SharedArrayBuffer(8));
  releaseMemory(shared);
  assert.equal(shared.length, 8);
});
