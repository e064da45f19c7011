import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { connectNats } from '../../src/learner/nats/connection/connection.js';
import { ObjectChunks, sha256 } from '../../src/learner/nats/stores/object-chunks.js';
import { lastFirst } from '../support/last-first.js';
import { natsMissing, startTestNats } from '../support/nats.js';

const options = { skip: natsMissing() };

async function setUp(t: TestContext) {
  const ends = lastFirst(t);
  const nats = await startTestNats({ t: ends });
  const link = await connectNats({ url: nats.url, name: 'test', log: () => {} });
  ends.after(() => link.close());
  const library = await link.jetstream().views.os('things');
  const objects = new ObjectChunks(link, 'things');
  const put = async (name: string, bytes: Uint8Array, replace = false) =>
    objects.put(name, bytes, await sha256(bytes), replace);
  const messages = async () => (await (await link.manager()).streams.info('OBJ_things')).state.messages;
  return { link, library, objects, put, messages };
}

test('a hash in pieces is the hash of the whole', async () => {
  for (const length of [0, 1, 524_288, 524_289, 3_000_000]) {
    const bytes = randomBytes(length);
    assert.deepEqual(await sha256(bytes), createHash('sha256').update(bytes).digest(), `${length}`);
  }
});

test("objects are what nats.js's own client reads and writes", options, async (t) => {
  const { library, objects, put } = await setUp(t);
  for (const [name, length] of Object.entries({ empty: 0, 'one/b': 1, 'a chunk': 65_536, many: 1_000_003 })) {
    const bytes = new Uint8Array(randomBytes(length));
    await put(name, bytes);
    assert.deepEqual(await objects.get(name), bytes, name);
    if (length > 0) assert.deepEqual(new Uint8Array((await library.getBlob(name)) ?? []), bytes, name);
    const other = new Uint8Array(randomBytes(length));
    await library.putBlob({ name }, other);
    assert.deepEqual(await objects.get(name), other, `${name}, written by the library`);
  }
  assert.equal(await objects.get('nothing'), undefined);
  assert.deepEqual((await objects.names('o')).sort(), ['one/b']);
});

test('an object stays unless it is to be replaced, and leaves nothing behind', options, async (t) => {
  const { objects, put, messages } = await setUp(t);
  const [first, second] = [new Uint8Array(200_000).fill(1), new Uint8Array(100_000).fill(2)];
  await put('thing', first);
  await put('thing', second);
  assert.deepEqual(await objects.get('thing'), first);
  await put('thing', second, true);
  assert.deepEqual(await objects.get('thing'), second);
  assert.equal(await messages(), 3, 'two chunks and what is kept of the object');
  await objects.remove('thing');
  assert.equal(await objects.get('thing'), undefined);
  assert.equal(await messages(), 0);
});

test('a missing chunk is noticed at once', options, async (t) => {
  const { link, objects, put } = await setUp(t);
  await put('thing', new Uint8Array(200_000));
  const manager = await link.manager();
  await manager.streams.deleteMessage('OBJ_things', 2);
  await assert.rejects(objects.get('thing'), { code: 'snapshot_corrupt', message: /cut short/ });
});

test('chunks of objects that were never finished are removed, once they are old', options, async (t) => {
  const { link, library, objects, put, messages } = await setUp(t);
  await put('thing', new Uint8Array(100_000).fill(1));
  await library.putBlob({ name: 'other' }, new Uint8Array(10));
  const whole = await messages();
  const half = (id: string) => link.jetstream().publish(`$O.things.C.${id}`, new Uint8Array(5));
  const key = createHash('sha256').update('thing').digest('base64url').slice(0, 22);
  await half(`${key}-AAAAAAAAAAAAAAAAAAAAAA`);
  await half(`${'x'.repeat(22)}-AAAAAAAAAAAAAAAAAAAAAA`);
  await half('ofanotherwriter');
  assert.equal(await objects.removeUnfinished(Date.now() - 3_600_000), 0, 'they may still be written');
  assert.equal(await objects.removeUnfinished(Date.now() + 3_600_000), 2);
  assert.equal(await messages(), whole + 1);
  assert.deepEqual(await objects.get('thing'), new Uint8Array(100_000).fill(1));
});
