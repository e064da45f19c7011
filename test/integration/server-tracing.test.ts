// Traces of a real process with a real nats-server, as a collector gets them.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { credentials, Metadata } from '@grpc/grpc-js';
import { connect, headers as natsHeaders } from 'nats';
import { inference, learning, type ModelInferRequest, type ModelInferResponse__Output } from '../../protos/index.js';
import { inferRequest } from '../../src/client/answer.js';
import { parseNatsUrls } from '../../src/learner/index.js';
import { drawImage } from '../../src/server/commands/demo/draw.js';
import { traceOfId } from '../../src/server/tracing/trace-context.js';
import { lastFirst } from '../support/last-first.js';
import { natsMissing } from '../support/nats.js';
import { startOtlpReceiver } from '../support/otlp-receiver.js';
import { startServer } from '../support/server-process.js';
import { temporaryFolder } from '../support/test-learning.js';
import { until } from '../support/until.js';

const caller = (digit: string) => ({ traceId: digit.repeat(32), spanId: digit.repeat(16) });
const traceparent = ({ traceId, spanId }: { traceId: string; spanId: string }, flags = '01') =>
  `00-${traceId}-${spanId}-${flags}`;

test('a request and its label are one trace, and callers of both are honoured', { skip: natsMissing() }, async (t) => {
  const ends = lastFirst(t);
  const receiver = await startOtlpReceiver(ends);
  const headersFile = join(temporaryFolder(ends), 'headers.yaml');
  writeFileSync(headersFile, 'authorization: Bearer collector-secret\n');
  const server = await startServer(ends, {
    tracing: { endpoint: receiver.url, sample: 1, headersFile, serviceName: 'headwater-test' },
    snapshots: { everySamples: 1, interval: '200ms' },
  });
  const client = new Client(ends, server.grpc);
  const { servers, user, password } = parseNatsUrls(server.natsUrl());
  const nats = await connect({ servers: [...servers], user, pass: password });
  ends.after(() => nats.close());
  const image = await drawImage('dots', 0, 1);

  // Without callers: all is in the trace of the id.
  await client.infer(inferRequest({ heads: ['pets'], id: 'alone', input: { image: image }, top: 0 }));
  await nats.jetstream().publish('headwater.label.pets', JSON.stringify({ id: 'alone', label: 'dots' }));
  // A caller of the request, another one of the label.
  await client.infer(
    inferRequest({ heads: ['pets'], id: 'called', input: { image: image }, top: 0 }),
    traceparent(caller('a')),
  );
  const headers = natsHeaders();
  headers.set('traceparent', traceparent(caller('b')));
  await nats.jetstream().publish('headwater.label.pets', JSON.stringify({ id: 'called', label: 'dots' }), { headers });
  // A caller that records nothing, and a label by gRPC.
  await client.infer(
    inferRequest({ heads: ['pets'], id: 'quiet', input: { image: image }, top: 0 }),
    traceparent(caller('c'), '00'),
  );
  await client.feedback('quiet', 'dots', traceparent(caller('d')));

  const inTrace = (traceId: string) => receiver.spans.filter((span) => span.traceId === traceId);
  const names = (traceId: string) => inTrace(traceId).map(({ name }) => name);
  const has = (traceId: string, name: string) => names(traceId).includes(name);
  await until(
    'the spans have come',
    () =>
      has(traceOfId('alone'), 'snapshot') &&
      has(traceOfId('called'), 'snapshot') &&
      has(caller('b').traceId, 'join') &&
      has(caller('d').traceId, 'join'),
    { state: () => [receiver.spans.map(({ name, traceId }) => `${name} ${traceId}`), server.output()] },
  );

  const stages = ['batch', 'compute', 'decode', 'head', 'infer', 'join', 'queue', 'record', 'snapshot', 'training'];
  assert.deepEqual(names(traceOfId('alone')).sort(), stages);
  const [infer] = inTrace(traceOfId('alone')).filter(({ name }) => name === 'infer');
  assert.equal(infer?.attributes['headwater.request.id'], 'alone');
  assert.equal(infer?.attributes['rpc.response.status_code'], 'OK');
  const [join_] = inTrace(traceOfId('alone')).filter(({ name }) => name === 'join');
  assert.equal(join_?.parentSpanId, infer?.spanId);
  for (const { name, durationNs } of inTrace(traceOfId('alone'))) assert.ok(durationNs >= 0n, name);

  const [called] = inTrace(caller('a').traceId).filter(({ name }) => name === 'infer');
  assert.equal(called?.parentSpanId, caller('a').spanId);
  assert.deepEqual(called?.links, [traceOfId('called')]);
  assert.ok(has(traceOfId('called'), 'served') && has(traceOfId('called'), 'training'));
  const [labelled] = inTrace(caller('b').traceId);
  assert.deepEqual([labelled?.parentSpanId, labelled?.links], [caller('b').spanId, [traceOfId('called')]]);
  assert.deepEqual(inTrace(caller('c').traceId), []);

  assert.deepEqual([...receiver.services], ['headwater-test']);
  assert.ok(receiver.headers.every(({ authorization }) => authorization === 'Bearer collector-secret'));
  assert.ok(receiver.headers.every((sent) => sent['content-type'] === 'application/x-protobuf'));
  assert.equal(receiver.bytes().indexOf(image.subarray(0, 64)), -1, 'no image is in a span');
  assert.ok(!server.output().includes('collector-secret'));

  // Exemplars: only where OpenMetrics is asked for.
  const scrape = (accept: string) => fetch(`${server.http}/metrics`, { headers: { accept } });
  const open = await scrape('application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1');
  assert.match(open.headers.get('content-type') ?? '', /^application\/openmetrics-text/);
  const text = await open.text();
  assert.match(text, /\n# EOF\n$/);
  assert.match(
    text,
    /^headwater_request_duration_seconds_bucket\{.*\} \d+ # \{trace_id="[0-9a-f]{32}"\} [\d.e-]+ [\d.]+$/m,
  );
  assert.match(text, /^# TYPE headwater_requests counter$/m);
  assert.match(text, /^headwater_requests_total\{/m);
  const plain = await scrape('text/plain');
  assert.match(plain.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  const plainText = await plain.text();
  assert.match(plainText, /^# TYPE headwater_requests_total counter$/m);
  assert.doesNotMatch(plainText, /trace_id/);
  assert.equal(await server.stop(), 0);
});

test('a collector that is away is told seldom and keeps nothing up', { skip: natsMissing() }, async (t) => {
  const ends = lastFirst(t);
  const server = await startServer(ends, { tracing: { endpoint: 'http://127.0.0.1:9/v1/traces', sample: 1 } });
  const client = new Client(ends, server.grpc);
  const image = await drawImage('dots', 0, 1);
  for (let index = 0; index < 50; index++)
    await client.infer(inferRequest({ heads: ['pets'], id: `r${index}`, input: { image: image }, top: 0 }));
  await until('it is told', () => server.output().includes('traces are not sent'), { state: () => server.output() });
  assert.equal(await server.stop(), 0);
  assert.equal(server.output().split('traces are not sent').length, 2, 'once a minute');
});

class Client {
  readonly #inference;
  readonly #learning;

  constructor(t: Pick<TestContext, 'after'>, server: string) {
    this.#inference = new inference.GRPCInferenceService(server, credentials.createInsecure());
    this.#learning = new learning.LearningService(server, credentials.createInsecure());
    t.after(() => {
      this.#inference.close();
      this.#learning.close();
    });
  }

  infer(request: ModelInferRequest, from?: string): Promise<ModelInferResponse__Output> {
    return new Promise((resolve, reject) => {
      this.#inference.modelInfer(request, metadata(from), { deadline: Date.now() + 30_000 }, (error, answer) =>
        error || !answer ? reject(error) : resolve(answer),
      );
    });
  }

  feedback(id: string, label: string, from?: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const request = { head: 'pets', labels: [{ id, label }] };
      this.#learning.feedback(request, metadata(from), { deadline: Date.now() + 30_000 }, (error) =>
        error ? reject(error) : resolve(),
      );
    });
  }
}

function metadata(from: string | undefined): Metadata {
  const sent = new Metadata();
  if (from !== undefined) sent.set('traceparent', from);
  return sent;
}
