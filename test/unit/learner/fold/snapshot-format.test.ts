import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { HeadFold } from '../../../../src/learner/fold/head-fold.js';
import { decodeModel } from '../../../../src/learner/fold/model-format.js';
import { decodeSnapshot, encodeSnapshot } from '../../../../src/learner/fold/snapshot-container.js';
import { decodeState } from '../../../../src/learner/fold/state-format.js';
import { LearnerError } from '../../../../src/learner/types.js';
import { definitionOf, logOf } from './samples.js';

function snapshot() {
  const fold = new HeadFold(definitionOf());
  for (const { bytes, sequence } of logOf(130)) fold.fold(bytes, sequence);
  return fold.snapshot();
}

const isCorrupt = (error: unknown) => error instanceof LearnerError && error.code === 'snapshot_corrupt';

/** The bytes with a checksum that fits, whatever was done to them. */
function resealed(bytes: Uint8Array): Uint8Array {
  const sealed = Uint8Array.from(bytes);
  sealed.set(createHash('sha256').update(sealed.subarray(0, -32)).digest(), sealed.length - 32);
  return sealed;
}

/** Changes the header's JSON, keeping its length by trailing blanks. */
function withHeader(bytes: Uint8Array, change: (header: string) => string): Uint8Array {
  const copy = Buffer.from(bytes);
  const length = copy.readUInt32LE(12);
  const header = copy.toString('utf8', 16, 16 + length);
  const changed = change(header);
  assert.notEqual(changed, header);
  assert.ok(changed.length <= length);
  copy.write(changed.padEnd(length, ' '), 16);
  return resealed(copy);
}

test('content comes back as it went in, at any alignment', () => {
  const content = {
    metadata: { text: 'ÄÖ "x"\n', numbers: [0.1, 1e-300, 2 ** 53 - 1] },
    arrays: {
      one: Float64Array.of(0.1, -0, 5e-324),
      two: Int32Array.of(-1, 7, 9),
      three: Float32Array.of(0.5),
      none: new Float32Array(0),
    },
  };
  const bytes = encodeSnapshot('state', content);
  assert.deepEqual(bytes, encodeSnapshot('state', content));
  for (const shift of [0, 1, 4, 7]) {
    const moved = Buffer.alloc(bytes.length + shift);
    moved.set(bytes, shift);
    const decoded = decodeSnapshot('state', moved.subarray(shift));
    assert.deepEqual(decoded.metadata, content.metadata);
    assert.deepEqual({ ...decoded.arrays }, content.arrays);
  }
});

test('a changed byte anywhere, or bytes cut or added, are found', () => {
  const { model, state } = snapshot();
  for (const [bytes, decode] of [
    [model, (damaged: Uint8Array) => decodeModel(damaged)],
    [state, (damaged: Uint8Array) => decodeState(definitionOf(), damaged)],
  ] as const) {
    decode(bytes);
    for (let at = 0; at < bytes.length; at += at < 64 ? 1 : 97) {
      const damaged = Uint8Array.from(bytes);
      damaged[at]! ^= 0x40;
      assert.throws(() => decode(damaged), isCorrupt, `byte ${at}`);
    }
    for (const length of [0, 1, 15, 16, 47, 48, 100, bytes.length - 1]) {
      assert.throws(() => decode(bytes.subarray(0, length)), isCorrupt, `cut to ${length}`);
    }
    assert.throws(() => decode(Buffer.concat([bytes, Buffer.alloc(8)])), isCorrupt);
  }
});

test('lengths that lie are refused before anything is allocated for them', () => {
  const { model } = snapshot();
  const lies = [
    withHeader(model, (header) => header.replace('animals', 'a').replace(/"length":\d+/, '"length":9e9')),
    withHeader(model, (header) => header.replace('animals', 'a').replace(/"length":\d+/, '"length":-8')),
    withHeader(model, (header) => header.replace('"f32"', '"f99"')),
    withHeader(model, (header) => header.replace('"arrays":[', '"arrays":{')),
    withHeader(model, (header) => header.replace('"dimensions":12', '"dimensions":11')),
    withHeader(model, (header) => header.replace('"dimensions":12', '"dimensions":0')),
  ];
  const longHeader = Buffer.from(model);
  longHeader.writeUInt32LE(0xffffffff, 12);
  for (const lie of [...lies, resealed(longHeader)]) assert.throws(() => decodeModel(lie), isCorrupt);
});

test('another kind, another format version and another head are refused by name', () => {
  const { model, state } = snapshot();
  assert.throws(() => decodeModel(state), /it is a state, and a model is needed/);
  assert.throws(() => decodeState(definitionOf(), model), isCorrupt);
  const newer = Buffer.from(model);
  newer.writeUInt32LE(3, 8);
  assert.throws(() => decodeModel(resealed(newer)), /format version is 3/);
  const others = [
    definitionOf({ name: 'plants' }),
    definitionOf({ generation: 3 }),
    definitionOf({ backboneIdentity: 'beef' }),
    definitionOf({ dimensions: 13 }),
  ];
  for (const other of others) {
    assert.throws(() => decodeModel(model, other), isCorrupt);
    assert.throws(() => decodeState(other, state), isCorrupt);
  }
  const { learner } = definitionOf();
  assert.throws(() => decodeState(definitionOf({ learner: { ...learner, slda: { shrinkage: 3 } } }), state), /options/);
  assert.throws(() => decodeState(definitionOf({ maxClasses: 1 }), state), /classes/);
});

test('a state whose numbers contradict each other is refused', () => {
  const { state } = snapshot();
  const broken = [
    (header: string) => header.replace('"class 0"', '"class 1"'),
    (header: string) => header.replace(/"samples":\d+/, '"samples":-1'),
    (header: string) => header.replace('"scores/sgd/losses"', '"scores/sgd/lossez"'),
    (header: string) => header.replace('"judged/label"', '"judged/labex"'),
    (header: string) => header.replace('"champion":"sgd"', '"champion":"rls"'),
    (header: string) => header.replace('"serve":"auto"', '"serve":"best"'),
    (header: string) => header.replace('"blend":{"names":[]', '"blend":{"names":0'),
    (header: string) => header.replace('"kind":"sgd"', '"kind":"rls"'),
    (header: string) => header.replace('{"rows":[[0', '{"rows":[[2').replace('{"rows":[[1', '{"rows":[[2'),
  ];
  for (const change of broken) {
    const bytes = withHeader(state, change);
    assert.throws(() => decodeState(definitionOf(), bytes), isCorrupt, `${change}`);
  }
  // What only the learners know is checked when they are made.
  const velocity = withHeader(state, (header) => header.replace('sgd/velocity', 'sgd/velocitx'));
  assert.throws(() => HeadFold.restore(definitionOf(), velocity), isCorrupt);
});

test('weights of a blend in another order than its candidates, and numbers that are none, are refused', () => {
  const { learner } = definitionOf();
  const definition = definitionOf({ learner: { ...learner, train: ['sgd', 'slda', 'rls', 'refit'] } });
  const fold = new HeadFold(definition);
  for (const { bytes, sequence } of logOf(130)) fold.fold(bytes, sequence);
  const state = fold.stateBytes();
  const names = withHeader(state, (header) => header.replace('"names":["sgd","slda"', '"names":["slda","sgd"'));
  assert.throws(() => decodeState(definition, names), isCorrupt);
  const { metadata, arrays } = decodeSnapshot('state', state);
  for (const [name, array] of Object.entries(arrays)) {
    if (array instanceof Int32Array || array.length === 0) continue;
    for (const poison of [Number.NaN, Infinity]) {
      const poisoned = array.slice();
      poisoned[array.length >> 1] = poison;
      const bytes = encodeSnapshot('state', { metadata, arrays: { ...arrays, [name]: poisoned } });
      assert.throws(() => HeadFold.restore(definition, bytes), isCorrupt, `${name}: ${poison}`);
    }
  }
});

test('bytes that are known to be whole are looked at, not copied', () => {
  const content = {
    metadata: null,
    arrays: { a: Float32Array.of(1, 2, 3), b: Float64Array.of(4), c: Int32Array.of(5) },
  };
  const bytes = encodeSnapshot('model', content);
  const { arrays } = decodeSnapshot('model', bytes, true);
  assert.deepEqual(arrays, content.arrays);
  assert.equal(arrays.a?.buffer, bytes.buffer);
  const shifted = new Uint8Array(bytes.length + 1);
  shifted.set(bytes, 1);
  assert.deepEqual(
    decodeSnapshot('model', shifted.subarray(1), true).arrays,
    content.arrays,
    'where they do not lie well',
  );
  assert.throws(
    () => decodeSnapshot('model', bytes.subarray(0, -8), true),
    isCorrupt,
    'lengths are checked all the same',
  );
});
