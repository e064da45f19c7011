import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Backbone } from '../../../../src/engine/index.js';
import { Batcher } from '../../../../src/server/batching/batcher.js';
import type { BackboneConfig } from '../../../../src/server/config/index.js';
import { BackboneRegistry } from '../../../../src/server/repository/backbone-registry.js';
import { HeldBackbone } from '../../../support/held-backbone.js';

const never = new AbortController().signal;
const turns = async () => {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
};

/** A registry with the backbone "tiny", each load of which is another object. */
async function setUp() {
  const opened: HeldBackbone[] = [];
  const registry = new BackboneRegistry({
    open: async () => {
      const backbone = new HeldBackbone();
      opened.push(backbone);
      return backbone;
    },
    front: (backbone: Backbone) => new Batcher(backbone, { size: 4, waitMs: 0, queueLimit: 50 }),
    batching: () => ({ batchSize: 4, waitMs: 0 }),
    log: () => {},
  });
  await registry.start({ name: 'tiny', model: 'm', batch: {} } as unknown as BackboneConfig);
  const embed = () =>
    registry.loaded
      .get('tiny')!
      .admit({ images: 1, bytes: 48, client: 'c', priority: 'inference' })
      .submit({ kind: 'pixels', count: 1, data: new Uint8Array(48) });
  return { registry, opened, embed };
}

for (const what of ['unload', 'close', 'unload twice'] as const) {
  test(`${what} waits for one that was replaced and still answers`, async () => {
    const { registry, opened, embed } = await setUp();
    const [first] = opened;
    first!.hold();
    const answer = embed();
    await registry.load('tiny', { signal: never, accept: () => {} });
    let over = false;
    const end = async () => {
      if (what === 'close') await registry.close();
      else await registry.unload('tiny', never);
      if (what === 'unload twice') await registry.unload('tiny', never);
      over = true;
    };
    const ending = end();
    await turns();
    assert.deepEqual([over, opened.map(({ closed }) => closed)], [false, [false, true]]);
    first!.release();
    await answer;
    await ending;
    assert.deepEqual(
      opened.map(({ closed }) => closed),
      [true, true],
    );
  });
}
