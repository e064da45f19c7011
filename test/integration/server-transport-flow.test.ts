// Clients that send and never read: each slows its own stream only, and what waits for it stays bounded.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { inference, learning } from '../../protos/index.js';
import { framed, rawCall, rawConnection, STREAM_INFER } from '../support/raw-grpc.js';
import { PETS, startTestServer } from '../support/test-server.js';
import { until } from '../support/until.js';

const MiB = 2 ** 20;
const LARGE_QUEUE = ['server.queueLimit=1000000', 'server.queueBytes=1GiB', 'server.clientShare=1'];
const pixels = {
  modelName: 'tiny',
  inputs: [{ name: 'pixels', datatype: 'UINT8', shape: [1, 4, 4, 3] }],
  rawInputContents: [Buffer.alloc(48, 3)],
};
/** Answered with 120 kB. */
const embeddings = {
  modelName: 'pets',
  inputs: [{ name: 'embedding', datatype: 'FP32', shape: [10_000, 3] }],
  rawInputContents: [Buffer.alloc(120_000)],
  outputs: [{ name: 'embedding' }],
};
const LEARNING = '/headwater.v1.LearningService';
const { service } = learning.LearningService;

/** A client whose windows are full after the first bytes. */
const neverReads = (address: string) => rawConnection(address, { settings: { initialWindowSize: 100 } });

/** Waits until a count has stopped growing. */
async function settled(count: () => number): Promise<number> {
  let before = -1;
  let same = 0;
  while (same < 10) {
    await sleep(50);
    same = count() === before && before > 0 ? same + 1 : 0;
    before = count();
  }
  return before;
}

test('ModelStreamInfer: who never reads is soon not read either, others are served meanwhile', async (t) => {
  const server = await startTestServer({ set: [...LARGE_QUEUE, 'server.streamWindow=4'] });
  const session = neverReads(server.address);
  // In this order: a stop waits for who may still read.
  t.after(() => session.destroy());
  t.after(() => server.close());
  const { stream } = rawCall(session, STREAM_INFER, {}, false);
  const message = framed(inference.GRPCInferenceService.service.ModelStreamInfer.requestSerialize(embeddings));
  const total = 200;
  for (let index = 0; index < total; index++) stream.write(message);
  const worked = await settled(() => server.learning.recorded.length);
  // A window in work, as many answered and waiting, and the one that is being sent.
  assert.ok(worked <= 10, `${worked} of ${total} were worked on`);
  assert.ok(stream.writableLength > 100 * message.length, 'the rest is still with the client');
  for (let index = 0; index < 20; index++) assert.equal((await server.infer(pixels)).modelName, 'tiny');
  // Another call of the very same connection is served too.
  const { body } = await server.get('/metrics');
  const held = Number(/headwater_grpc_memory_bytes\{what="receive"\} (\d+)/.exec(body)?.[1]);
  assert.ok(held > 0 && held < 64 * MiB, `${held} bytes are held`);
});

test('StreamFeedback: who never reads is soon not read either', async (t) => {
  const server = await startTestServer({ set: ['server.streamWindow=4'] });
  const session = neverReads(server.address);
  t.after(() => session.destroy());
  t.after(() => server.close());
  const { stream } = rawCall(session, `${LEARNING}/StreamFeedback`, {}, false);
  const labels = Array.from({ length: 50 }, (_, index) => ({ id: `id-${index}`, label: 'cat' }));
  const message = framed(service.StreamFeedback.requestSerialize({ head: 'pets', labels }));
  for (let index = 0; index < 3000; index++) stream.write(message);
  const stored = await settled(() => server.learning.labels.length);
  assert.ok(stored < 100, `${stored} of 3000 were stored`);
  assert.equal((await server.infer(pixels)).modelName, 'tiny');
});

test('WatchHead and ExportHead: one message waits for who never reads, and the rest is not made', async (t) => {
  const server = await startTestServer();
  server.learning.heads.teach('pets', PETS);
  server.learning.heads.exported = Buffer.alloc(32 * MiB);
  const session = neverReads(server.address);
  t.after(() => session.destroy());
  t.after(() => server.close());
  const watch = rawCall(session, `${LEARNING}/WatchHead`, {}, false);
  watch.stream.end(framed(service.WatchHead.requestSerialize({ name: 'pets', intervalMs: 100 })));
  const exported = rawCall(session, `${LEARNING}/ExportHead`, {}, false);
  exported.stream.end(framed(service.ExportHead.requestSerialize({ name: 'pets' })));
  const waiting = async () => {
    const { body } = await server.get('/metrics');
    return Number(/headwater_grpc_memory_bytes\{what="send"\} (\d+)/.exec(body)?.[1]);
  };
  await until('answers wait', async () => (await waiting()) > 256 * 1024);
  await sleep(500);
  // One chunk of 256 KiB and one state of a head: not the file, not a state each 100 ms.
  assert.ok((await waiting()) < MiB, `${await waiting()} bytes wait`);
  assert.equal((await server.infer(pixels)).modelName, 'tiny');
});

test('who never reads is ended after server.stallTimeout, and holds nothing then', async (t) => {
  const server = await startTestServer({ set: [...LARGE_QUEUE, 'server.stallTimeout=300ms'] });
  const session = neverReads(server.address);
  t.after(() => session.destroy());
  t.after(() => server.close());
  const message = framed(
    inference.GRPCInferenceService.service.ModelStreamInfer.requestSerialize({
      ...embeddings,
      inputs: [{ name: 'embedding', datatype: 'FP32', shape: [100, 3] }],
      rawInputContents: [Buffer.alloc(1200)],
    }),
  );
  const { stream, ended } = rawCall(session, STREAM_INFER, {}, false);
  for (let index = 0; index < 10; index++) stream.write(message);
  assert.equal((await ended).reset, 8, 'CANCEL');
  await until('nothing is held', async () => {
    const { body } = await server.get('/metrics');
    return /headwater_grpc_memory_bytes\{what="receive"\} 0\n/.test(body) && /\{what="send"\} 0\n/.test(body);
  });
});
