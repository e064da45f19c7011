import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inference } from '../../../../../protos/index.js';
import { decodedSize } from '../../../../../src/server/grpc/transport/decoded-size.js';
import { requestShapes } from '../../../../../src/server/grpc/transport/request-shapes.js';

const shape = requestShapes().get('/inference.GRPCInferenceService/ModelInfer')!;
const serialize = inference.GRPCInferenceService.service.ModelInfer.requestSerialize;
const MiB = 2 ** 20;

test('an ordinary request becomes little more than it is', () => {
  const tensor = { name: 'pixels', datatype: 'UINT8', shape: [1, 224, 224, 3] };
  const bytes = serialize({ modelName: 'm', id: 'x', inputs: [tensor], rawInputContents: [Buffer.alloc(150_528, 7)] });
  assert.ok(decodedSize(bytes, shape, MiB) < 5_000);
});

test('typed contents count for each number', () => {
  const contents = { fp32Contents: Array<number>(10_000).fill(1) };
  const bytes = serialize({ modelName: 'm', inputs: [{ name: 'x', datatype: 'FP32', shape: [10_000], contents }] });
  const size = decodedSize(bytes, shape, MiB);
  assert.ok(size > 80_000 && size < 400_000, String(size));
});

test('bytes that are no message end the count, wherever they are cut', () => {
  const tensor = {
    name: 'image',
    datatype: 'BYTES',
    shape: [2],
    contents: { bytesContents: [Buffer.alloc(9), Buffer.alloc(9)] },
  };
  const bytes = serialize({ modelName: 'm', inputs: [tensor] });
  for (let end = 0; end <= bytes.length; end++) assert.ok(decodedSize(bytes.subarray(0, end), shape, MiB) >= 0);
  for (const byte of [0x00, 0x07, 0x80, 0xff]) assert.ok(decodedSize(Buffer.alloc(1000, byte), shape, MiB) >= 0);
});
