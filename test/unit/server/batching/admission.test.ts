import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Admission, type AdmissionLimits, type Ask } from '../../../../src/server/batching/admission.js';
import { seeded } from './simulation.js';

const LIMITS: AdmissionLimits = { images: 100, bytes: 10_000, clientShare: 0.5, learningShare: 0.1, batchSize: 8 };

const ask = (client: string, images: number, extra: Partial<Ask> = {}): Ask => ({
  ...{ client, images, bytes: images, priority: 'inference' },
  ...extra,
});

/** Takes one image after the other until it is refused. @returns how many it got, and why no more */
function fill(admission: Admission, client: string, extra: Partial<Ask> = {}): { got: number; reason: string } {
  for (let got = 0; ; got++) {
    const refusal = admission.refusal(ask(client, 1, extra));
    if (refusal !== undefined) return { got, reason: refusal.reason };
    admission.take(ask(client, 1, extra));
  }
}

test('a client alone gets its share of the queue, the next ones less, and room is left for one who comes', () => {
  const admission = new Admission(LIMITS);
  // Inference may hold 90: learning is sure of 10.
  assert.deepEqual(fill(admission, 'a'), { got: 45, reason: 'client' });
  assert.deepEqual(fill(admission, 'b'), { got: 22, reason: 'client' });
  assert.deepEqual(fill(admission, 'c'), { got: 11, reason: 'client' });
  assert.deepEqual(fill(admission, 'd'), { got: 8, reason: 'client' }, 'a batch always fits');
  assert.deepEqual(fill(admission, 'e'), { got: 4, reason: 'images' });
  assert.equal(admission.images, 90);
  assert.deepEqual(fill(admission, 'labels', { priority: 'learning' }), { got: 10, reason: 'images' });
  assert.equal(admission.images, 100);
});

test('without bounds for clients, one may fill what learning leaves', () => {
  const admission = new Admission({ ...LIMITS, clientShare: 1, learningShare: 0 });
  assert.deepEqual(fill(admission, 'a'), { got: 100, reason: 'images' });
});

test('learning leaves half of the queue to inference', () => {
  const admission = new Admission(LIMITS);
  assert.deepEqual(fill(admission, 'labels', { priority: 'learning' }), { got: 50, reason: 'images' });
  assert.deepEqual(fill(admission, 'a'), { got: 25, reason: 'client' });
});

test('bytes are bounded as images are', () => {
  const admission = new Admission(LIMITS);
  const extra = { bytes: 500 };
  // 9000 bytes for inference, half of them for one client; a batch of 8 would be 4000.
  assert.deepEqual(fill(admission, 'a', extra), { got: 9, reason: 'client' });
  assert.deepEqual(fill(admission, 'b', extra), { got: 8, reason: 'client' });
  assert.deepEqual(fill(admission, 'c', extra), { got: 1, reason: 'bytes' });
  assert.match(admission.refusal(ask('c', 1, extra))!.text, /bytes.*server\.queueBytes/);
});

test('a request may be as large as the share of a client, no larger however empty the queue is', () => {
  const admission = new Admission(LIMITS);
  assert.equal(admission.largestRequest, 45);
  assert.equal(admission.refusal(ask('a', 45)), undefined);
  assert.equal(admission.tooLarge(ask('a', 45)), undefined);
  assert.match(admission.tooLarge(ask('a', 46))!, /46 images.*at most 45/);
  assert.match(admission.tooLarge(ask('a', 2, { bytes: 4501 }))!, /bytes/);
  admission.take(ask('b', 40));
  assert.equal(admission.refusal(ask('a', 45)), undefined, 'when it holds nothing else');
  assert.equal(new Admission({ ...LIMITS, images: 6 }).largestRequest, 5);
  assert.equal(new Admission({ ...LIMITS, images: 1 }).largestRequest, 1);
});

test('how much has to leave before there is room is told', () => {
  const admission = new Admission(LIMITS);
  fill(admission, 'a');
  for (const client of ['b', 'c', 'd', 'e', 'f']) fill(admission, client);
  assert.equal(admission.refusal(ask('g', 7))!.excess, 7);
  assert.equal(admission.refusal(ask('g', 2, { bytes: 20_000 }))!.reason, 'images');
});

test('random takes and gives: never above a bound, and nothing is held when all is given back', () => {
  const random = seeded(7);
  const admission = new Admission(LIMITS);
  let held: Ask[] = [];
  for (let step = 0; step < 30_000; step++) {
    if (random() < 0.6) {
      const priority = random() < 0.3 ? 'learning' : 'inference';
      const wanted = ask(`client ${Math.floor(random() * 5)}`, 1 + Math.floor(random() * 12), {
        bytes: Math.floor(random() * 2500),
        priority,
      });
      if (admission.refusal(wanted) !== undefined) continue;
      admission.take(wanted);
      held.push(wanted);
    } else if (held.length > 0) {
      const [gone] = held.splice(Math.floor(random() * held.length), 1);
      admission.give(gone!);
    }
    assert.ok(admission.images <= 100 && admission.bytes <= 10_000);
    assert.ok(admission.imagesOf('inference') <= 90 && admission.imagesOf('learning') <= 50);
  }
  for (const each of held) admission.give(each);
  held = [];
  assert.deepEqual([admission.images, admission.bytes, admission.clients], [0, 0, 0]);
});
