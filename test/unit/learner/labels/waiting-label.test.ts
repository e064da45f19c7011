import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headers, type JsMsg } from 'nats';
import type { HeadDefinition } from '../../../../src/learner/index.js';
import { recallLabel } from '../../../../src/learner/labels/waiting-label.js';

/** A label that was parked when its head was of this generation. */
function parked(generation: number): JsMsg {
  const waiting = headers();
  const fields = { Head: 'pets', Generation: generation, 'Stream-Created': 'then', Sequence: 7, 'Labelled-At': 1 };
  for (const [name, value] of Object.entries(fields)) waiting.set(`Headwater-Waiting-${name}`, `${value}`);
  const data = Buffer.from(JSON.stringify({ id: 'x', label: 'cat' }));
  return { subject: 'headwater.parked.pets', headers: waiting, data } as unknown as JsMsg;
}

/** A process that knows `before` until it is told what was written meanwhile. */
function knows(before: number, after: number) {
  let generation = before;
  return {
    upToNow: async () => {
      generation = after;
    },
    find: async (name: string) => ({ name, generation }) as HeadDefinition,
    classCount: () => 0,
    knowsClass: async () => false,
  };
}

test('a label that waited for a newer head than is known here is that head’s, not a deleted one’s', async () => {
  const { found } = await recallLabel(parked(2), knows(1, 2));
  assert.equal(found?.label.head.generation, 2);
  await assert.rejects(recallLabel(parked(2), knows(1, 1)), { code: 'nats_unavailable' });
});

test('a label whose head was deleted meanwhile is given up', async () => {
  assert.equal((await recallLabel(parked(1), knows(1, 2))).found, undefined);
  assert.equal((await recallLabel(parked(1), knows(1, 1))).found?.label.head.generation, 1);
});
