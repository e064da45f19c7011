import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mutateMessage } from '../../../../../fuzz/mutate/protobuf.js';
import { Random } from '../../../../../fuzz/random.js';
import { inference } from '../../../../../protos/index.js';
import { decodedSize } from '../../../../../src/server/grpc/transport/decoded-size.js';
import { requestShapes } from '../../../../../src/server/grpc/transport/request-shapes.js';

const shape = requestShapes().get('/inference.GRPCInferenceService/ModelInfer')!;
const serialize = inference.GRPCInferenceService.service.ModelInfer.requestSerialize;
const MiB = 2 ** 20;

test('an ordinary request becomes little more than it is', () => {
  const tensor = { name: 'pixels', datatype: 'UINT8', shape: [1, 224, 224, 3] };
  const bytes = serialize({ modelName: 'm', id: 'x', inputs: [tensor], rawInputContents: [Buffer.alloc(150_528, 7)] });
  assert.ok(decodedSize(bytes, shape, MiB)! < 5_000);
});

test('typed contents count for each number', () => {
  const contents = { fp32Contents: Array<number>(10_000).fill(1) };
  const bytes = serialize({ modelName: 'm', inputs: [{ name: 'x', datatype: 'FP32', shape: [10_000], contents }] });
  const size = decodedSize(bytes, shape, MiB)!;
  assert.ok(size >= 160_000 && size < 400_000, String(size));
});

const deserialize = inference.GRPCInferenceService.service.ModelInfer.requestDeserialize;

/** What surely is in memory of a decoded message: the elements of its lists and maps. */
function heldBy(value: unknown, listed = false): number {
  if (typeof value === 'number') return listed ? 16 : 0;
  if (typeof value === 'string' || Buffer.isBuffer(value)) return listed ? 190 : 0;
  if (typeof value !== 'object' || value === null) return 0;
  let sum = listed ? 150 : 0;
  for (const entry of Object.values(value)) sum += heldBy(entry, Array.isArray(value));
  return sum;
}

function decoded(bytes: Buffer): unknown {
  try {
    return deserialize(bytes);
  } catch {
    return undefined;
  }
}

function assertCounted(bytes: Buffer): void {
  const made = decoded(bytes);
  const size = decodedSize(bytes, shape, 64 * MiB);
  const what = bytes.subarray(0, 64).toString('hex');
  if (made !== undefined && size !== undefined) assert.ok(size >= heldBy(made), `${size} < ${heldBy(made)}: ${what}`);
}

const tensor = {
  name: 'image',
  datatype: 'BYTES',
  shape: [2, 300, 2 ** 40],
  parameters: { a: { int64Param: -1 }, b: { stringParam: 'x' } },
  contents: {
    boolContents: [true, false],
    intContents: [-1, 5],
    int64Contents: [1, -9],
    fp32Contents: [1, 2],
    fp64Contents: [3, 4],
    bytesContents: [Buffer.alloc(9), Buffer.alloc(200)],
  },
};
const whole = serialize({
  modelName: 'm',
  inputs: [tensor, tensor],
  outputs: [{ name: 'o', parameters: { c: { boolParam: true } } }],
  rawInputContents: [Buffer.alloc(3)],
});
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const EMPTY_TENSORS = Buffer.alloc(2_000, hex('2a 00'));

test('what encoders write is counted, and not refused', () => {
  assert.ok(decodedSize(whole, shape, MiB)! >= heldBy(deserialize(whole)));
  const newer = Buffer.concat([
    whole,
    hex('7a 03 61 62 63'),
    hex('78 ff ff ff ff ff ff ff ff ff 01'),
    hex('7d 00 00 00 00'),
  ]);
  assert.ok(decodedSize(newer, shape, MiB)! >= heldBy(deserialize(newer)), 'unknown fields');
});

test('what protobufjs reads and no encoder writes hides nothing from the count', () => {
  const tricks: Record<string, Buffer> = {
    'an empty group': hex('7b 7c'),
    'groups in groups': hex('7b 7b 08 01 7c 7c'),
    'a length of 2^32, cut to 0': hex('7a 80 80 80 80 10'),
    'a length of ten bytes': hex('7a 80 80 80 80 80 80 80 80 80 00'),
    'a tag of ten bytes': hex('fa 80 80 80 80 80 80 80 80 00 00'),
    'a message as a number': hex('28 00'),
    'a text as a number': hex('08 00'),
    'a number of six bytes where ten are read': hex('22 0d 0a 01 61 12 08 08 80 80 80 80 80 00'),
    'the field 0': hex('02 00'),
  };
  for (const [what, trick] of Object.entries(tricks)) {
    for (const bytes of [Buffer.concat([trick, EMPTY_TENSORS]), Buffer.concat([EMPTY_TENSORS, trick])]) {
      const size = decodedSize(bytes, shape, MiB);
      assert.ok(size === undefined || size >= 1000 * 150, `${what}: ${size}`);
    }
  }
});

test('no bytes become more than is counted', () => {
  const random = new Random(7, 0);
  const long = (bytes: Buffer) => {
    // A varint as long as can be, of the same value.
    const at = random.int(bytes.length);
    const padding = Buffer.alloc(1 + random.int(9), 0x80);
    padding[padding.length - 1] = 0;
    const byte = bytes[at]!;
    return Buffer.concat([bytes.subarray(0, at), Buffer.of(byte | 0x80), padding, bytes.subarray(at + 1)]);
  };
  const group = (bytes: Buffer) => {
    const at = random.int(bytes.length);
    return Buffer.concat([bytes.subarray(0, at), hex('7b 08 01 7c'), bytes.subarray(at)]);
  };
  let counted = 0;
  for (let turn = 0; turn < 4_000; turn++) {
    let bytes = Buffer.from(random.chance(0.3) ? whole : mutateMessage(random, whole));
    if (bytes.length === 0) continue;
    if (random.chance(0.5)) bytes = long(bytes);
    if (random.chance(0.3)) bytes = group(bytes);
    assertCounted(bytes);
    if (decoded(bytes) !== undefined && decodedSize(bytes, shape, MiB) !== undefined) counted++;
  }
  assert.ok(counted > 400, `only ${counted} were messages`);
});

test('bytes that are no message are none, wherever they are cut', () => {
  for (let end = 0; end <= whole.length; end++) assertCounted(whole.subarray(0, end));
  for (const byte of [0x00, 0x07, 0x80, 0xff])
    assert.equal(decodedSize(Buffer.alloc(1000, byte), shape, MiB), undefined);
});

test('a message of too many parts is too large, whatever memory there is', () => {
  const tensors = (count: number) => Buffer.alloc(2 * count, hex('2a 00'));
  assert.equal(decodedSize(tensors(50_000), shape, Number.MAX_VALUE), 50_000 * 400);
  assert.equal(decodedSize(tensors(50_001), shape, Number.MAX_VALUE), Number.POSITIVE_INFINITY);
});
