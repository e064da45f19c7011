import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { credentials, loadPackageDefinition, status as Status } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { protoPath } from 'grpc-health-check';
import { pino } from 'pino';
import descriptor from 'protobufjs/ext/descriptor/index.js';
import { reflectionDefinition } from '../../protos/index.js';
import { parseConfig } from '../../src/server/config/index.js';
import { type ServeParts, serve } from '../../src/server/serve.js';
import { FakeBackbone } from '../support/fake-backbone.js';
import { FakeLearning } from '../support/fake-learning.js';
import { failure, PETS, startTestServer, type TestServer } from '../support/test-server.js';
import { until } from '../support/until.js';

const image = { name: 'pixels', datatype: 'UINT8', shape: [1, 4, 4, 3] };
const pixels = { inputs: [image], rawInputContents: [Buffer.alloc(48, 3)] };

// biome-ignore lint/suspicious/noExplicitAny: a client made at run time
function healthClient(server: TestServer): any {
  // biome-ignore lint/suspicious/noExplicitAny: as above
  const types = loadPackageDefinition(loadSync(protoPath, { enums: String })) as any;
  return new types.grpc.health.v1.Health(server.address, credentials.createInsecure());
}

test('every metric of the interface that applies is there, with its labels', async (t) => {
  const server = await startTestServer();
  t.after(() => server.close());
  server.learning.heads.teach('pets', PETS);
  await server.infer({ modelName: 'pets', ...pixels });
  const { body, status } = await server.get('/metrics');
  assert.equal(status, 200);
  const expected = [
    'headwater_requests_total{model="pets",code="OK"} 1',
    'headwater_request_duration_seconds_count{model="pets",stage="total"} 1',
    'headwater_request_duration_seconds_count{model="pets",stage="decode"} 1',
    'headwater_request_duration_seconds_count{model="pets",stage="queue"} 1',
    'headwater_request_duration_seconds_count{model="pets",stage="compute"} 1',
    'headwater_images_total{backbone="tiny"} 1',
    'headwater_batch_size_count{backbone="tiny"} 1',
    'headwater_queue_depth{backbone="tiny"} 0',
    'headwater_queue_limit{backbone="tiny"} 512',
    'headwater_engine_info{backbone="tiny",engine="onnxruntime",isa="scalar",threads="1",sparsity="0.500"} 1',
    'headwater_labels_total{head="pets",result="trained"} 0',
    'headwater_labels_total{head="pets",result="unknown_id"} 0',
    'headwater_label_delay_seconds_count{head="pets"} 0',
    'headwater_served_labelled_total{head="pets"} 8',
    'headwater_served_correct_total{head="pets"} 6',
    'headwater_served_accuracy{head="pets",window="100"} 0.75',
    'headwater_learner_lag_samples{head="pets"} 2',
    'headwater_head_version{head="pets"} 1',
    'headwater_head_samples_total{head="pets"} 10',
    'headwater_head_classes{head="pets"} 3',
    'headwater_class_recall{head="pets",class="cat"} 0.5',
    'headwater_nats_connected 1',
    'headwater_dropped_total{what="served_record"} 0',
    'headwater_buffer_limit{buffer="served_records"} 100',
  ];
  const lines = new Set(body.split('\n'));
  assert.deepEqual(
    expected.filter((line) => !lines.has(line)),
    [],
  );
  assert.match(body, /^headwater_snapshot_age_seconds\{head="pets"\} \d/m);
  assert.match(body, /^# TYPE headwater_head_samples_total counter$/m);
  assert.match(body, /^nodejs_eventloop_lag_p99_seconds /m);
  assert.match(body, /^process_resident_memory_bytes /m);
});

test('the pages of operations', async (t) => {
  const server = await startTestServer();
  t.after(() => server.close());
  assert.deepEqual(await server.get('/livez'), { status: 200, body: 'ok\n' });
  assert.deepEqual(await server.get('/readyz'), { status: 200, body: '{"ready":true,"waitingFor":{}}\n' });
  assert.match((await server.get('/')).body, /href="\/metrics"/);
  assert.equal((await server.get('/nope')).status, 404);
  assert.equal((await server.get('/readyz?verbose')).status, 200);
  const post = await new Promise<number | undefined>((resolve) => {
    const { httpPort: port } = server.running;
    httpRequest({ port, path: '/metrics', method: 'POST' }, (response) => resolve(response.resume().statusCode)).end(
      'x',
    );
  });
  assert.equal(post, 405);
});

test('while heads are not loaded, backbones serve and heads are UNAVAILABLE', async (t) => {
  const learning = new FakeLearning();
  learning.heads.loaded = false;
  learning.problem = 'NATS is away: stream "\u009b2J"';
  const parts = { startLearning: async () => learning };
  const server = await startTestServer({ learning, parts });
  t.after(() => server.close());
  const health = healthClient(server);
  t.after(() => health.close());
  const check = (service: string) =>
    new Promise((resolve) =>
      health.check({ service }, (_: unknown, answer: { status: string }) => resolve(answer?.status)),
    );

  const ready = await server.get('/readyz');
  assert.equal(ready.status, 503);
  assert.deepEqual(JSON.parse(ready.body).waitingFor, { heads: learning.problem });
  assert.ok(!ready.body.includes('\u009b'), 'what a terminal would act on stands there as an escape');
  assert.equal(await check(''), 'NOT_SERVING');
  assert.equal((await failure(server.infer({ modelName: 'pets', ...pixels }))).code, Status.UNAVAILABLE);
  assert.equal((await server.infer({ modelName: 'tiny', ...pixels })).modelName, 'tiny');

  const backbone = new FakeBackbone();
  learning.heads.add({
    ...{ name: 'pets', backbone: 'tiny', backboneIdentity: backbone.identity, dimensions: 3 },
    ...{ classes: 'open', maxClasses: 10, learner: {} as never },
  });
  learning.heads.loaded = true;
  await server.running.ready;
  assert.equal((await server.get('/readyz')).status, 200);
  for (const service of ['', 'inference.GRPCInferenceService', 'headwater.v1.LearningService']) {
    assert.equal(await check(service), 'SERVING', service);
  }
  assert.equal((await server.infer({ modelName: 'pets', ...pixels })).modelVersion, '0');
});

test('a stop answers what was accepted, refuses what comes, then ends the learner', async (t) => {
  const server = await startTestServer({ backbone: { manual: true } });
  t.after(() => server.close());
  const accepted = server.infer({ modelName: 'tiny', ...pixels });
  const watch = server.teacher.WatchHead({ name: 'pets' });
  const watchEnded = new Promise<number>((resolve) =>
    watch.on('data', () => {}).on('error', (error) => resolve((error as { code?: number }).code ?? -1)),
  );
  while (server.backbone.batches.length === 0) await sleep(2);
  await new Promise((resolve) => watch.once('data', resolve));
  const closing = server.running.close();
  assert.equal(server.running.close(), closing, 'once is enough');
  assert.equal((await server.get('/readyz')).status, 503);
  assert.equal(await watchEnded, Status.UNAVAILABLE);
  assert.equal((await failure(server.infer({ modelName: 'tiny', ...pixels }))).code, Status.UNAVAILABLE);
  assert.equal(server.learning.closed, false);
  await server.backbone.finish();
  assert.equal((await accepted).modelName, 'tiny');
  await closing;
  assert.deepEqual([server.learning.closed, server.backbone.closed], [true, true]);
});

test('a stop does not wait longer than server.drainTimeout', async (t) => {
  const server = await startTestServer({ backbone: { manual: true }, set: ['server.drainTimeout=50ms'] });
  t.after(() => server.close());
  const stuck = failure(server.infer({ modelName: 'tiny', ...pixels }));
  while (server.backbone.batches.length === 0) await sleep(2);
  await server.running.close();
  assert.ok((await stuck).code !== Status.OK);
  await server.backbone.finish();
});

test('a port in use names its key, and nothing is left running', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as { port: number };
  for (const key of ['server.httpPort', 'server.grpcPort']) {
    const learning = new FakeLearning();
    await assert.rejects(startTestServer({ learning, set: [`${key}=${port}`] }), (error: Error) => {
      assert.equal(error.name, 'StartError');
      assert.match(error.message, new RegExp(`^${key.replace('.', '\\.')}: 127\\.0\\.0\\.1:${port} is in use`));
      return true;
    });
    assert.equal(learning.closed, key === 'server.grpcPort');
  }
  taken.close();
});

test('a backbone that cannot be loaded stops the start', async () => {
  const broken = Object.assign(new Error('no such file'), { name: 'EngineError', code: 'model_unreadable' });
  const parts = {
    loadBackbone: async () => {
      throw broken;
    },
  };
  await assert.rejects(startTestServer({ parts }), broken);
});

test('without the role serve there is no gRPC and no backbone, but operations', async (t) => {
  const learning = new FakeLearning();
  const config = parseConfig('roles: [join, learn]\nserver: { httpPort: 0, grpcPort: 0 }', { baseDir: '/nowhere' });
  const server = await serve(config, pino({ level: 'silent' }), {
    loadBackbone: async () => assert.fail('loaded a backbone'),
    startLearning: async ({ roles, heads, embedders }) => {
      assert.deepEqual([roles, heads, embedders], [['join', 'learn'], [], []]);
      return learning;
    },
    classify: () => [],
  });
  assert.equal(server.grpcPort, undefined);
  t.after(() => server.close());
  await server.ready;
  const response = await fetch(`http://127.0.0.1:${server.httpPort}/readyz`);
  assert.deepEqual(await response.json(), { ready: true, waitingFor: {} });
});

test('a stop while backbones are loaded ends loading, closes what was loaded and starts nothing else', async () => {
  const model = { model: 'x.onnx', image: { size: 8 } };
  const config = parseConfig(
    JSON.stringify({
      server: { httpPort: 0, grpcPort: 0 },
      backbones: [
        { name: 'first', ...model },
        { name: 'second', ...model },
        { name: 'third', ...model },
      ],
    }),
    { baseDir: '/nowhere' },
  );
  for (const heeded of [true, false]) {
    const stopping = new AbortController();
    const loaded: FakeBackbone[] = [];
    const parts: ServeParts = {
      loadBackbone: async ({ name, signal }) => {
        if (name === 'second') {
          stopping.abort();
          // The sparse engine heeds it; what does not is asked for no more.
          if (heeded) signal?.throwIfAborted();
        }
        const backbone = new FakeBackbone({ name });
        loaded.push(backbone);
        return backbone;
      },
      startLearning: async () => assert.fail('started the learner'),
      classify: () => [],
    };
    await assert.rejects(serve(config, pino({ level: 'silent' }), parts, stopping.signal), { name: 'AbortError' });
    assert.deepEqual(
      loaded.map(({ name, closed }) => [name, closed]),
      heeded
        ? [['first', true]]
        : [
            ['first', true],
            ['second', true],
          ],
    );
  }
});

test('a server without a backbone warns once which key to add', async (t) => {
  const lines: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line) => void lines.push(line) });
  const config = parseConfig('server: { httpPort: 0, grpcPort: 0 }', { baseDir: '/nowhere' });
  const server = await serve(config, log, {
    loadBackbone: async () => assert.fail('loaded a backbone'),
    startLearning: async () => new FakeLearning(),
    classify: () => [],
  });
  t.after(() => server.close());
  await server.ready;
  assert.equal(lines.length, 1, lines.join(''));
  assert.match(lines[0]!, /nothing can be served: no backbone is configured; add the key `backbones`/);
});

test('reflection lists both packages and health', async (t) => {
  const server = await startTestServer();
  t.after(() => server.close());
  // biome-ignore lint/suspicious/noExplicitAny: a client made at run time
  const types = loadPackageDefinition(loadSync(reflectionProto())) as any;
  const client = new types.grpc.reflection.v1.ServerReflection(server.address, credentials.createInsecure());
  const stream = client.ServerReflectionInfo();
  const answer = new Promise<{ listServicesResponse: { service: { name: string }[] } }>((resolve) =>
    stream.once('data', resolve),
  );
  stream.write({ listServices: '' });
  const names = (await answer).listServicesResponse.service.map(({ name }) => name);
  for (const name of ['inference.GRPCInferenceService', 'headwater.v1.LearningService', 'grpc.health.v1.Health']) {
    assert.ok(names.includes(name), `${name} in ${names.join(', ')}`);
  }
  // Its end is awaited: a server that stops ends what is left with an error.
  const ended = once(stream.resume(), 'end');
  stream.end();
  await ended;
  client.close();
});

test('reflection tells an optional field as optional, not as a oneof', () => {
  const files = Object.values(reflectionDefinition()).flatMap(({ fileDescriptorProtos }) =>
    Array.isArray(fileDescriptorProtos) ? (fileDescriptorProtos as Buffer[]) : [],
  );
  const messages = files.flatMap((file) => descriptor.FileDescriptorProto.decode(file).toJSON().messageType);
  const version = messages.find(({ name }: { name: string }) => name === 'HeadVersion');
  const optional = version.field.filter((field: { proto3Optional?: boolean }) => field.proto3Optional);
  assert.deepEqual(
    optional.map(({ name }: { name: string }) => name),
    ['accuracy'],
  );
});

function reflectionProto(): string {
  const url = new URL(import.meta.resolve('@grpc/reflection'));
  return url.pathname.replace(/build\/src\/index\.js$/, 'build/proto/grpc/reflection/v1/reflection.proto');
}

test('hundreds of silent HTTP connections do not keep the probes out', async (t) => {
  const server = await startTestServer();
  t.after(() => server.close());
  const sockets = Array.from({ length: 400 }, () =>
    connect(server.running.httpPort, '127.0.0.1')
      .on('error', () => {})
      .resume(),
  );
  t.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  // Twice: kept alive, and anew.
  for (const connection of ['keep-alive', 'keep-alive', 'close']) {
    const { status } = await fetch(`http://127.0.0.1:${server.running.httpPort}/livez`, { headers: { connection } });
    assert.equal(status, 200);
  }
  await until('the oldest of them ended', () => sockets.filter(({ destroyed }) => destroyed).length > 200);
});
