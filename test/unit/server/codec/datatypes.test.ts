import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inference, type ModelInferRequest } from '../../../../protos/index.js';
import { ACCEPTED, type InputDatatype } from '../../../../src/server/codec/datatypes.js';
import { allFinite, floatsFromRaw } from '../../../../src/server/codec/floats.js';
import type { InputName, ModelSpec } from '../../../../src/server/codec/model.js';
import { parseInferRequest } from '../../../../src/server/codec/request.js';

const HEAD: ModelSpec = { kind: 'head', name: 'pets', size: 2, dimensions: 3 };
const { requestSerialize, requestDeserialize } = inference.GRPCInferenceService.service.ModelInfer;

type Input = NonNullable<ModelInferRequest['inputs']>[number];
const parse = (input: Input, raw?: Uint8Array) =>
  parseInferRequest(
    requestDeserialize(
      requestSerialize({ inputs: [input], rawInputContents: raw === undefined ? [] : [Buffer.from(raw)] }),
    ),
    HEAD,
    { maxImages: 8 },
  ).input;

const bytesOf = (values: ArrayBufferView) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
/** A single's upper half, which is its BF16 when the lower half is 0. */
const bfloat = (...values: number[]) =>
  Uint16Array.from(new Uint32Array(Float32Array.from(values).buffer), (bits) => bits >>> 16);

const SHAPES: Readonly<Record<InputName, number[]>> = {
  ...{ image: [1], pixels: [1, 2, 2, 3], input: [1, 3, 2, 2], embedding: [1, 3] },
};

const FLOATS: [InputDatatype, ArrayBufferView][] = [
  ['FP32', Float32Array.of(0.5, -2, 1e-3)],
  ['FP64', Float64Array.of(0.5, -2, 1e-3)],
  ['BF16', bfloat(0.5, -2, 192)],
  ['FP16', Uint16Array.of(0x3800, 0xc000, 0x5a00)],
];
for (const [datatype, values] of FLOATS) {
  test(`an embedding as ${datatype}`, () => {
    const input = parse({ name: 'embedding', datatype, shape: [1, 3] }, bytesOf(values));
    const third = datatype.endsWith('16') ? 192 : 1e-3;
    assert.ok(input.kind === 'embedding');
    assert.deepEqual(input.data, Float32Array.of(0.5, -2, third));
  });
}

test('every half-precision number is the same number in single precision', () => {
  for (let bits = 0; bits < 65536; bits++) {
    const exponent = (bits >> 10) & 31;
    const fraction = (bits & 1023) / 1024;
    const size =
      exponent === 31
        ? fraction === 0
          ? Number.POSITIVE_INFINITY
          : Number.NaN
        : exponent === 0
          ? fraction * 2 ** -14
          : (1 + fraction) * 2 ** (exponent - 15);
    const [value] = floatsFromRaw(bytesOf(Uint16Array.of(bits)), 'FP16', 1);
    assert.ok(Object.is(value, bits >= 32768 ? -size : size), `0x${bits.toString(16)}: ${value}`);
  }
});

test('one number that is not finite is found wherever it is', () => {
  for (let length = 0; length < 13; length++) {
    const values = new Float32Array(length).fill(-3.4e38);
    assert.equal(allFinite(values), true);
    for (let index = 0; index < length; index++) {
      for (const wrong of [Number.NaN, Infinity, -Infinity]) assert.equal(allFinite(values.with(index, wrong)), false);
    }
  }
});

const PIXELS = [0, 1, 2, 127, 128, 200, 254, 255, 7, 8, 9, 10];
const INTEGERS: [InputDatatype, ArrayBufferView, Input['contents']][] = [
  ['UINT8', Uint8Array.from(PIXELS), { uintContents: PIXELS }],
  ['UINT16', Uint16Array.from(PIXELS), { uintContents: PIXELS }],
  ['UINT32', Uint32Array.from(PIXELS), { uintContents: PIXELS }],
  ['UINT64', BigUint64Array.from(PIXELS, BigInt), { uint64Contents: PIXELS }],
  ['INT16', Int16Array.from(PIXELS), { intContents: PIXELS }],
  ['INT32', Int32Array.from(PIXELS), { intContents: PIXELS }],
  ['INT64', BigInt64Array.from(PIXELS, BigInt), { int64Contents: PIXELS }],
];
for (const [datatype, values, contents] of INTEGERS) {
  test(`pixels as ${datatype}, raw and typed`, () => {
    const shape = SHAPES.pixels;
    for (const input of [
      parse({ name: 'pixels', datatype, shape }, bytesOf(values)),
      parse({ name: 'pixels', datatype, shape, contents }),
    ]) {
      assert.ok(input.kind === 'pixels');
      assert.deepEqual([...input.data], PIXELS);
    }
  });
}

test('every datatype that is accepted somewhere is tried here', () => {
  const tried = new Set<string>(['BYTES', ...FLOATS.map(([name]) => name), ...INTEGERS.map(([name]) => name)]);
  for (const datatype of Object.values(ACCEPTED).flat()) assert.ok(tried.has(datatype), datatype);
});

test('image files as UINT8: one by itself, or several of one length', () => {
  const [one, several] = [
    parse({ name: 'image', datatype: 'UINT8', shape: [4] }, Uint8Array.of(1, 2, 3, 4)),
    parse({ name: 'image', datatype: 'UINT8', shape: [2, 2] }, Uint8Array.of(1, 2, 3, 4)),
  ];
  assert.ok(one.kind === 'image' && several.kind === 'image');
  assert.deepEqual(
    [one, several].map(({ images }) => images.map((image) => [...image])),
    [
      [[1, 2, 3, 4]],
      [
        [1, 2],
        [3, 4],
      ],
    ],
  );
});

const DATATYPES = ['BOOL', 'INT8', ...ACCEPTED.pixels, ...ACCEPTED.input, 'BYTES', 'FP8', '', 'fp32'];
for (const name of Object.keys(SHAPES) as InputName[]) {
  test(`${name}: every other datatype is refused with those that are taken`, () => {
    const accepted = ACCEPTED[name];
    for (const datatype of DATATYPES.filter((known) => !(accepted as readonly string[]).includes(known))) {
      assert.throws(
        () => parse({ name, datatype, shape: SHAPES[name] }, new Uint8Array(96)),
        (error: Error) =>
          error.message ===
          `tensor "${name}": expected datatype ${accepted[0]} (or ${accepted.slice(1).join(', ')}), got "${datatype}"`,
      );
    }
  });
}

const pixelsOf = (datatype: InputDatatype, values: ArrayBufferView) => () =>
  parse({ name: 'pixels', datatype, shape: SHAPES.pixels }, bytesOf(values));
const embeddingOf = (datatype: InputDatatype, values: ArrayBufferView) => () =>
  parse({ name: 'embedding', datatype, shape: [1, 3] }, bytesOf(values));
const twelve = (last: number) => [...Array<number>(11).fill(0), last];
const REFUSED: [string, () => unknown, RegExp][] = [
  [
    'UINT16 above 255',
    pixelsOf('UINT16', Uint16Array.from(twelve(256))),
    /tensor "pixels": expected UINT16 values from 0 to 255, got 256 at \[0,1,1,2\]/,
  ],
  ['INT16 below 0', pixelsOf('INT16', Int16Array.from(twelve(-1))), /expected INT16 values .* got -1 at/],
  ['INT32 above 255', pixelsOf('INT32', Int32Array.from(twelve(1 << 24))), /got 16777216 at/],
  [
    'INT64 above 2^53',
    pixelsOf(
      'INT64',
      BigInt64Array.from(twelve(0), (_, index) => (index === 3 ? 2n ** 62n : 0n)),
    ),
    /got 4611686018427387904 at \[0,0,1,0\]/,
  ],
  [
    'typed INT32 below 0',
    () => parse({ name: 'pixels', datatype: 'INT32', shape: SHAPES.pixels, contents: { intContents: twelve(-5) } }),
    /expected INT32 values from 0 to 255, got -5/,
  ],
  [
    'FP64 beyond FP32',
    embeddingOf('FP64', Float64Array.of(1, 1e300, 2)),
    /expected numbers within the range of FP32, got 1e\+300 at \[0,1\]/,
  ],
  ['FP64 infinity', embeddingOf('FP64', Float64Array.of(1, 2, -Infinity)), /finite numbers, got -infinity at \[0,2\]/],
  [
    'typed FP64 beyond FP32',
    () => parse({ name: 'embedding', datatype: 'FP64', shape: [1, 3], contents: { fp64Contents: [0, 0, -1e39] } }),
    /within the range of FP32, got -1e\+39/,
  ],
  ['FP16 NaN', embeddingOf('FP16', Uint16Array.of(0, 0x7e00, 0)), /got NaN at \[0,1\]/],
  ['BF16 infinity', embeddingOf('BF16', bfloat(0, 0, Infinity)), /got infinity at \[0,2\]/],
  [
    'typed FP16',
    () => parse({ name: 'embedding', datatype: 'FP16', shape: [1, 3], contents: { fp32Contents: [1, 2, 3] } }),
    /FP16 has no typed contents in the protocol: expected raw_input_contents/,
  ],
  ['FP16 too short', embeddingOf('FP16', Uint16Array.of(0)), /expected 6 raw bytes for FP16 \[1,3\], got 2/],
  [
    'an image as UINT8 of rank 3',
    () => parse({ name: 'image', datatype: 'UINT8', shape: [1, 2, 2] }, new Uint8Array(4)),
    /tensor "image": expected shape \[bytes\] or \[N,bytes\], got \[1,2,2\]/,
  ],
];
for (const [what, run, message] of REFUSED) test(`refused: ${what}`, () => assert.throws(run, { message }));
