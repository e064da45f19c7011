import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_JSON_BYTES, parseLabelMessage } from '../../../../src/learner/labels/label-message.js';

const subject = 'headwater.label.pets';
const none = () => undefined;

function parse(payload: unknown, headers: Record<string, string> = {}, on = subject) {
  const data =
    payload instanceof Uint8Array
      ? payload
      : Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload));
  return parseLabelMessage(on, (name) => headers[name], data);
}

test('a join names an answered request', () => {
  assert.deepEqual(parse({ id: 'r 1/*>', label: 'cat' }), { form: 'join', head: 'pets', id: 'r 1/*>', label: 'cat' });
  assert.deepEqual(parse({ id: 'r', label: 'e\u0301', more: 1 }), { form: 'join', head: 'pets', id: 'r', label: 'é' });
});

test('a sample brings its embedding, with or without an id', () => {
  const label = parse({ embedding: [1, -2.5, 3e-3], label: 'cat' });
  assert.deepEqual(label, {
    form: 'embedding',
    head: 'pets',
    id: '',
    label: 'cat',
    embedding: Float32Array.of(1, -2.5, 3e-3),
  });
  const named = parse({ id: 's1', embedding: [0], label: 'cat' });
  assert.equal(named.form === 'embedding' && named.id, 's1');
});

test('an image carries label and id in its headers', () => {
  const image = Uint8Array.of(0xff, 0xd8, 0xff);
  const headers = { 'Headwater-Label': 'Katze süß', 'Headwater-Id': 'i1' };
  assert.deepEqual(parse(image, headers), { form: 'image', head: 'pets', id: 'i1', label: 'Katze süß', image });
});

const unusable: [string, unknown, string][] = [
  ['empty', '', 'invalid'],
  ['no JSON', 'cat', 'invalid'],
  ['not UTF-8', Uint8Array.of(0x22, 0xff, 0x22), 'invalid'],
  ['a JSON array', [1], 'invalid'],
  ['JSON null', 'null', 'invalid'],
  ['no label', { id: 'a' }, 'invalid'],
  ['a label that is a number', { id: 'a', label: 3 }, 'invalid'],
  ['an empty label', { id: 'a', label: '' }, 'invalid'],
  ['a label of 10 KB', { id: 'a', label: 'x'.repeat(10_240) }, 'invalid'],
  ['a label with CRLF', { id: 'a', label: 'cat\r\nPUB x 0' }, 'invalid'],
  ['no id', { label: 'cat' }, 'invalid'],
  ['an id that is a number', { id: 5, label: 'cat' }, 'invalid'],
  ['an id with CRLF', { id: 'a\r\nb', label: 'cat' }, 'invalid'],
  ['an id of 10 KB', { id: 'x'.repeat(10_240), label: 'cat' }, 'invalid'],
  ['an empty embedding', { embedding: [], label: 'cat' }, 'invalid'],
  ['an embedding with text', { embedding: [1, '2'], label: 'cat' }, 'invalid'],
  ['an embedding beyond FP32', { embedding: [1e300], label: 'cat' }, 'invalid'],
  ['an embedding with null (a NaN in JSON)', '{"embedding":[null],"label":"cat"}', 'invalid'],
  ['1 MB and more', ' '.repeat(MAX_JSON_BYTES + 1), 'too_large'],
];

for (const [name, payload, reason] of unusable) {
  test(`unusable: ${name}`, () => {
    const label = parse(payload);
    assert.equal(label.form, 'unusable');
    assert.equal(label.form === 'unusable' && label.reason, reason);
    assert.ok(label.form === 'unusable' && label.detail.length > 10 && label.detail.length < 300);
  });
}

test('1 MB that is no JSON is invalid, not an exception', () => {
  assert.equal(parse('x'.repeat(1_000_000)).form, 'unusable');
});

test('a subject that names no head is told as such', () => {
  for (const on of ['headwater.label.a.b', 'headwater.label.A', 'headwater.label.*']) {
    const label = parseLabelMessage(on, none, Buffer.from('{"id":"a","label":"cat"}'));
    assert.equal(label.form === 'unusable' && label.reason, 'unknown_head', on);
  }
});

test('an image label without an image, or with a bad header, is unusable', () => {
  assert.equal(parse(new Uint8Array(0), { 'Headwater-Label': 'cat' }).form, 'unusable');
  assert.equal(parse(Uint8Array.of(1), { 'Headwater-Label': '' }).form, 'unusable');
  assert.equal(parse(Uint8Array.of(1), { 'Headwater-Label': 'cat', 'Headwater-Id': 'x'.repeat(300) }).form, 'unusable');
});
