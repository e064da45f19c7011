// Parameters that Triton's clients send: which of them mean something, and that the others change nothing.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { status as Status } from '@grpc/grpc-js';
import type { ModelStreamInferResponse__Output } from '../../protos/generated/inference/ModelStreamInferResponse.js';
import type { ModelInferRequest } from '../../protos/index.js';
import { HeldBackbone } from '../support/held-backbone.js';
import { collect, failure, PETS, startTestServer, type TestServer } from '../support/test-server.js';
import { until } from '../support/until.js';

let server: TestServer;
let backbone: HeldBackbone;

before(async () => {
  backbone = new HeldBackbone();
  server = await startTestServer({ parts: { loadBackbone: async () => backbone } });
  server.learning.heads.teach('pets', PETS);
});
after(() => server.close());

const request = (parameters: NonNullable<ModelInferRequest['parameters']>, id = ''): ModelInferRequest => ({
  ...{ modelName: 'pets', id, parameters },
  inputs: [{ name: 'pixels', datatype: 'UINT8', shape: [1, 4, 4, 3] }],
  rawInputContents: [Buffer.alloc(48, 9)],
});

test('timeout: a request that waits for longer is refused or dropped, and never run', async () => {
  const before = backbone.batches.length;
  backbone.hold();
  const running = server.infer(request({ timeout: { int64Param: 600_000_000 } }));
  await until('the first one runs', () => backbone.batches.length > before);
  const others = [server.infer(request({})), server.infer(request({}))];
  const error = await failure(server.infer(request({ timeout: { int64Param: 50_000 } })));
  assert.equal(error.code, Status.DEADLINE_EXCEEDED);
  backbone.release();
  await Promise.all([running, ...others]);
  const run = backbone.batches.slice(before).reduce((sum, images) => sum + images, 0);
  assert.equal(run, 3, 'the one that was dropped is not among them');
});

test('parameters that mean nothing here are passed over', async () => {
  const response = await server.infer(
    request({
      sequence_id: { int64Param: 5 },
      sequence_start: { boolParam: true },
      priority: { uint64Param: 1 },
      binary_data_output: { boolParam: true },
      own: { stringParam: 'thing' },
      triton_enable_empty_final_response: { boolParam: true },
    }),
  );
  assert.equal(response.outputs.length, 2);
  assert.equal(response.parameters.triton_final_response, undefined, 'of streams only');
});

test('each answer on a stream, an error too, is the last one of its request', async () => {
  const stream = server.inference.ModelStreamInfer();
  const answers = collect<ModelStreamInferResponse__Output>(stream);
  stream.write(request({ triton_enable_empty_final_response: { boolParam: true } }, 'a'));
  stream.write({ ...request({}, 'b'), modelName: 'nobody' });
  stream.write(request({}, 'c'));
  stream.end();
  assert.deepEqual(
    (await answers).map(({ inferResponse, errorMessage }) => [
      inferResponse?.id,
      inferResponse?.parameters.triton_final_response?.boolParam,
      errorMessage === '',
    ]),
    [
      ['a', true, true],
      ['b', true, false],
      ['c', true, true],
    ],
  );
});
