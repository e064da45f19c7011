import assert from 'node:assert/strict';
import { test } from 'node:test';
import { embeddingFromBytes, embeddingToBytes } from '../../../../src/learner/fold/embedding-bytes.js';
import {
  attachmentOf,
  decodeEntry,
  encodeAct,
  encodeSample,
  type LoggedAct,
  type Sample,
} from '../../../../src/learner/fold/log-entry.js';
import { decodeServedRecord, encodeServedRecord } from '../../../../src/learner/fold/served-record.js';
import { LearnerError } from '../../../../src/learner/types.js';

const sample: Sample = {
  id: 'run:a/b c:*>',
  label: 'Kätzchen 🐈',
  embedding: Float32Array.of(1.5, -0, 3e-39, Number.NaN, 1e38),
  backboneIdentity: 'f00d',
  origin: { streamCreated: '2026-01-01T00:00:00.123456789Z', sequence: 2 ** 40 + 3 },
  served: { version: 7, predicted: 'dog', servedAtMs: 1.7e12 + 0.25 },
  form: 'join',
  labelledAtMs: 1.7e12 + 1.5,
};

test('a sample comes back from its bytes as it went in', () => {
  assert.deepEqual(decodeEntry(encodeSample(sample)), { kind: 'sample', sample });
  const alone: Sample = { ...sample, id: '', served: undefined, form: 'image', embedding: new Float32Array(0) };
  assert.deepEqual(decodeEntry(encodeSample(alone)), { kind: 'sample', sample: alone });
});

test('an answer without prediction is not the same as no answer', () => {
  const unserved = { ...sample, served: { version: 0, predicted: '', servedAtMs: 0 } };
  assert.deepEqual(decodeEntry(encodeSample(unserved)), { kind: 'sample', sample: unserved });
});

test('entries are read at any alignment, from Buffers and plain bytes', () => {
  const bytes = encodeSample(sample);
  for (let shift = 0; shift < 8; shift++) {
    const buffer = Buffer.alloc(bytes.length + shift);
    buffer.set(bytes, shift);
    assert.deepEqual(decodeEntry(buffer.subarray(shift)), { kind: 'sample', sample });
    assert.deepEqual(decodeEntry(new Uint8Array(buffer).subarray(shift)), { kind: 'sample', sample });
  }
});

const digest = 'ab'.repeat(32);

test('every act comes back from its bytes as it went in', () => {
  const changes: LoggedAct[] = [
    { kind: 'delete_class', name: 'Kätzchen 🐈' },
    { kind: 'rename_class', from: 'cat', to: '__proto__' },
    { kind: 'set_learners', learners: ['rls', 'sgd'] },
    { kind: 'set_learners', learners: [] },
    { kind: 'promote', candidate: 'blend' },
    { kind: 'promote', candidate: null },
    { kind: 'import_model', digest },
  ];
  for (const change of changes) {
    const act = { id: '0193b6c2', atMs: 1.7e12 + 0.5, change };
    const bytes = encodeAct(act);
    assert.deepEqual(decodeEntry(bytes), { kind: 'act', act });
    assert.equal(attachmentOf(bytes), change.kind === 'import_model' ? digest : undefined);
  }
  assert.equal(attachmentOf(encodeSample(sample)), undefined);
});

test('acts that a newer version may know stop the fold instead of being skipped', () => {
  const act = { id: 'x', atMs: 0 };
  const newer = [
    { ...act, change: { kind: 'set_learners', learners: ['sgd', 'forest'] } },
    { ...act, change: { kind: 'promote', candidate: 'forest' } },
  ];
  for (const unknown of newer) {
    const bytes = encodeAct(unknown as Parameters<typeof encodeAct>[0]);
    assert.throws(
      () => decodeEntry(bytes),
      (error) => error instanceof LearnerError && error.code === 'log_mismatch',
    );
  }
});

test('unknown kinds and broken bytes stop with an error instead of being skipped', () => {
  const future = Uint8Array.of((15 << 3) | 2, 1, 0);
  const futureForm = encodeSample({ ...sample, form: 'join' });
  const stretched = Buffer.concat([Buffer.from([(1 << 3) | 2, 2, (7 << 3) | 0, 9]), Buffer.alloc(0)]);
  for (const bytes of [new Uint8Array(0), future, stretched, futureForm.subarray(0, futureForm.length - 1)]) {
    assert.throws(
      () => decodeEntry(bytes),
      (error) => error instanceof LearnerError && error.code === 'log_mismatch',
    );
  }
});

test('a served record comes back from its bytes as it went in', () => {
  const record = {
    id: 'x/0',
    version: 3,
    predicted: 'cat',
    embedding: Float32Array.of(0.25, -4),
    backboneIdentity: 'beef',
    servedAtMs: 12.5,
  };
  assert.deepEqual(decodeServedRecord(encodeServedRecord(record)), record);
  const empty = { ...record, version: 0, predicted: '', embedding: new Float32Array(0) };
  assert.deepEqual(decodeServedRecord(encodeServedRecord(empty)), empty);
  assert.throws(() => decodeServedRecord(Uint8Array.of(255)), LearnerError);
});

test('embeddings are little-endian on the wire, and half floats are no embedding', () => {
  assert.deepEqual([...embeddingToBytes(Float32Array.of(1))], [0, 0, 0x80, 0x3f]);
  assert.equal(embeddingFromBytes(Uint8Array.of(0, 0, 0x80, 0x3f, 0)).length, 0);
});
