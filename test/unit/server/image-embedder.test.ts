import assert from 'node:assert/strict';
import { test } from 'node:test';
import { imageEmbedder } from '../../../src/server/backbones.js';
import { Batcher } from '../../../src/server/batching/batcher.js';
import { FakeBackbone } from '../../support/fake-backbone.js';

const options = { size: 4, waitMs: 0, queueLimit: 8 };

test('labelled images are embedded by the backbone that is loaded, which is named; without one they wait', async () => {
  const first = new FakeBackbone();
  const second = Object.assign(new FakeBackbone({ dimensions: 5 }), { identity: 'second' });
  const batchers = new Map([['tiny', new Batcher(first, options)]]);
  const decode = async () => new Uint8Array(48).fill(7);
  const embedder = imageEmbedder('tiny', batchers, Object.assign(decode, { close: async () => {} }));
  const before = await embedder.embed(new Uint8Array(1));
  assert.equal(before.backboneIdentity, 'identity-of-tiny');
  assert.deepEqual([...before.embedding], [7, 8, 9]);

  // The one that goes takes nothing new: who looked it up before tries again.
  const drained = batchers.get('tiny')!.drain();
  await assert.rejects(embedder.embed(new Uint8Array(1)), { code: 'draining' });
  await drained;

  batchers.set('tiny', new Batcher(second, options));
  const after = await embedder.embed(new Uint8Array(1));
  assert.equal(after.backboneIdentity, 'second');
  assert.equal(after.embedding.length, 5);

  batchers.delete('tiny');
  await assert.rejects(embedder.embed(new Uint8Array(1)), { code: 'model_unloaded' });
});
