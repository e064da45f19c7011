import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Client, status as Status } from '@grpc/grpc-js';
import sharp from 'sharp';
import type { ModelInferRequest } from '../../protos/index.js';
import { pngHeader } from '../support/png.js';
import { failure, PETS, rawFloats, rawStrings, startTestServer, type TestServer } from '../support/test-server.js';

let server: TestServer;
let jpeg: Buffer;

before(async () => {
  server = await startTestServer({ set: ['server.maxMessageBytes=256KiB', 'images.maxBytes=100KiB'] });
  const { heads } = server.learning;
  heads.teach('pets', PETS);
  const { definition } = heads.status('pets')!;
  heads.add({ ...definition, name: 'loading' }).state = 'loading';
  heads.add({ ...definition, name: 'stranger', backboneIdentity: 'another-identity' });
  heads.add({ ...definition, name: 'orphan', backbone: 'gone' });
  jpeg = await sharp({
    create: {
      width: 40,
      height: 40,
      channels: 3,
      background: '#336699',
      noise: { type: 'gaussian', mean: 99, sigma: 30 },
    },
  })
    .jpeg()
    .toBuffer();
});
after(() => server.close());

const image = (...images: Uint8Array[]): ModelInferRequest => ({
  modelName: 'pets',
  inputs: [{ name: 'image', datatype: 'BYTES', shape: [images.length] }],
  rawInputContents: [rawStrings(...images)],
});
const tensor = (name: string, datatype: string, shape: number[], raw: Buffer): ModelInferRequest => ({
  modelName: 'pets',
  inputs: [{ name, datatype, shape }],
  rawInputContents: [raw],
});
const good = () => tensor('embedding', 'FP32', [1, 3], rawFloats(1, 2, 3));

const { INVALID_ARGUMENT, NOT_FOUND, UNAVAILABLE, FAILED_PRECONDITION, RESOURCE_EXHAUSTED } = Status;
const BAD: [string, () => ModelInferRequest, Status, RegExp][] = [
  [
    'a JPEG of 1 byte',
    () => image(Buffer.from([0xff])),
    INVALID_ARGUMENT,
    /tensor "image": expected a JPEG, PNG or WebP/,
  ],
  [
    'a cut-off JPEG',
    () => image(jpeg, jpeg.subarray(0, jpeg.length >> 1)),
    INVALID_ARGUMENT,
    /image 1 of 2 .*can't be decoded/,
  ],
  [
    'a 20,000 x 20,000 PNG',
    () => image(Buffer.concat([pngHeader(20_000, 20_000), Buffer.alloc(99)])),
    INVALID_ARGUMENT,
    /more than 50000000 pixels/,
  ],
  [
    'an image of too many bytes',
    () => image(Buffer.concat([jpeg, Buffer.alloc(110_000)])),
    INVALID_ARGUMENT,
    /images\.maxBytes/,
  ],
  ['an empty image', () => image(Buffer.alloc(0)), INVALID_ARGUMENT, /it is empty/],
  [
    'an SVG',
    () => image(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')),
    INVALID_ARGUMENT,
    /expected a JPEG/,
  ],
  [
    'NaN in input',
    () => tensor('input', 'FP32', [1, 3, 4, 4], rawFloats(...Array(47).fill(0), Number.NaN)),
    INVALID_ARGUMENT,
    /tensor "input": expected finite numbers, got NaN at \[0,2,3,3\]/,
  ],
  [
    'infinity in embedding',
    () => tensor('embedding', 'FP32', [1, 3], rawFloats(1, 2, Infinity)),
    INVALID_ARGUMENT,
    /got infinity at \[0,2\]/,
  ],
  [
    'a wrong rank',
    () => tensor('input', 'FP32', [3, 4, 4], Buffer.alloc(192)),
    INVALID_ARGUMENT,
    /expected shape \[N,3,4,4\], got \[3,4,4\]/,
  ],
  [
    'a wrong size',
    () => tensor('pixels', 'UINT8', [1, 5, 5, 3], Buffer.alloc(75)),
    INVALID_ARGUMENT,
    /expected shape \[N,4,4,3\], got \[1,5,5,3\]/,
  ],
  [
    'a wrong datatype',
    () => tensor('pixels', 'FP32', [1, 4, 4, 3], Buffer.alloc(192)),
    INVALID_ARGUMENT,
    /tensor "pixels": expected datatype UINT8 \(or .*\), got "FP32"/,
  ],
  [
    'raw bytes of the wrong length',
    () => tensor('pixels', 'UINT8', [1, 4, 4, 3], Buffer.alloc(47)),
    INVALID_ARGUMENT,
    /expected 48 raw bytes .*got 47/,
  ],
  ['N = 0', () => tensor('pixels', 'UINT8', [0, 4, 4, 3], Buffer.alloc(0)), INVALID_ARGUMENT, /expected shape/],
  [
    'too many images',
    () => tensor('pixels', 'UINT8', [513, 4, 4, 3], Buffer.alloc(513 * 48)),
    INVALID_ARGUMENT,
    /at most 512 images/,
  ],
  [
    'an unknown tensor',
    () => tensor('x\r\ny', 'FP32', [1], Buffer.alloc(4)),
    INVALID_ARGUMENT,
    /tensor "x\\r\\ny": pets does not take it/,
  ],
  [
    'two inputs at once',
    () => ({
      ...good(),
      inputs: [...good().inputs!, ...image(jpeg).inputs!],
      rawInputContents: [rawFloats(1, 2, 3), rawStrings(jpeg)],
    }),
    INVALID_ARGUMENT,
    /2 input tensors \(embedding, image\)/,
  ],
  ['no input', () => ({ modelName: 'pets' }), INVALID_ARGUMENT, /no input tensor/],
  [
    'an unknown output',
    () => ({ ...good(), outputs: [{ name: 'logits' }] }),
    INVALID_ARGUMENT,
    /output "logits": unknown/,
  ],
  [
    'an id with a line break',
    () => ({ ...good(), id: 'a\nb' }),
    INVALID_ARGUMENT,
    /id: expected no control characters/,
  ],
  ['an id of 10 KB', () => ({ ...good(), id: 'x'.repeat(10_240) }), INVALID_ARGUMENT, /id: expected 1 to 256 bytes/],
  ['an embedding for a backbone', () => ({ ...good(), modelName: 'tiny' }), INVALID_ARGUMENT, /only heads do/],
  [
    'an unknown model',
    () => ({ ...good(), modelName: 'cats' }),
    NOT_FOUND,
    /^no model "cats"; there are loading, orphan, pets, stranger, tiny$/,
  ],
  ['a model named *', () => ({ ...good(), modelName: '*' }), NOT_FOUND, /no model "\*"/],
  ['a model named by 10 KB', () => ({ ...good(), modelName: 'x'.repeat(10_240) }), NOT_FOUND, /^no model "x{99}…"/],
  ['no model', () => ({ ...good(), modelName: '' }), NOT_FOUND, /no model ""/],
  [
    'an unknown version',
    () => ({ ...good(), modelVersion: '9' }),
    NOT_FOUND,
    /model "pets" has no version "9"; there are 1/,
  ],
  ['a version that is no number', () => ({ ...good(), modelVersion: 'latest' }), NOT_FOUND, /no version "latest"/],
  [
    'an unknown version of a backbone',
    () => ({ ...good(), modelName: 'tiny', modelVersion: '2' }),
    NOT_FOUND,
    /there are 1/,
  ],
  ['a head that is loading', () => ({ ...good(), modelName: 'loading' }), UNAVAILABLE, /loading/],
  [
    'a head of another backbone',
    () => ({ ...good(), modelName: 'stranger' }),
    FAILED_PRECONDITION,
    /head "stranger" was taught on another "tiny"/,
  ],
  [
    'a head whose backbone is not here',
    () => ({ ...good(), modelName: 'orphan' }),
    FAILED_PRECONDITION,
    /needs backbone "gone", which is not configured here \(tiny\)/,
  ],
  [
    'a message that is too large',
    () => tensor('embedding', 'FP32', [1, 3], Buffer.alloc(300_000)),
    RESOURCE_EXHAUSTED,
    /a message may have 262144 bytes \(server\.maxMessageBytes\), this one has 300\d\d\d/,
  ],
];

for (const [what, request, code, message] of BAD) {
  test(`${what} is refused with ${Status[code]}`, async () => {
    const error = await failure(server.infer(request()));
    assert.equal(Status[error.code], Status[code], error.details);
    assert.match(error.details, message);
  });
}

test('bytes that are no message are INVALID_ARGUMENT', async () => {
  const client = server.inference as unknown as Client;
  const error = await failure(
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        '/inference.GRPCInferenceService/ModelInfer',
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes,
        Buffer.from([0x0f]),
        (failed, answer) => (failed ? reject(failed) : resolve(answer)),
      );
    }),
  );
  assert.equal(error.code, Status.INVALID_ARGUMENT);
});

test('an engine that fails is INTERNAL, and serving goes on', async () => {
  server.backbone.failure = new TypeError('secret detail');
  const error = await failure(server.infer(image(jpeg)));
  server.backbone.failure = undefined;
  assert.equal(error.code, Status.INTERNAL);
  assert.doesNotMatch(error.details, /secret/);
});

test('after all that the server lives, counts by code, and holds nothing', async () => {
  const answer = await server.infer(good());
  assert.equal(answer.modelName, 'pets');
  const { body } = await server.get('/metrics');
  assert.match(body, /^headwater_requests_total\{model="pets",code="INVALID_ARGUMENT"\} \d+$/m);
  assert.match(body, /^headwater_requests_total\{model="unknown",code="NOT_FOUND"\} 4$/m);
  assert.match(body, /^headwater_requests_total\{model="unknown",code="RESOURCE_EXHAUSTED"\} 1$/m);
  assert.match(body, /^headwater_queue_depth\{backbone="tiny"\} 0$/m);
});
