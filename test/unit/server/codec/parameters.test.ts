import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inference, type ModelInferRequest, type ModelInferRequest__Output } from '../../../../protos/index.js';
import type { ModelSpec } from '../../../../src/server/codec/model.js';
import { parseOutputs } from '../../../../src/server/codec/outputs.js';
import { MAX_HEADS, requestedHeads, timeoutMs } from '../../../../src/server/codec/parameters.js';

const { requestSerialize, requestDeserialize } = inference.GRPCInferenceService.service.ModelInfer;
const received = (request: ModelInferRequest): ModelInferRequest__Output =>
  requestDeserialize(requestSerialize(request));
const parameters = (given: ModelInferRequest['parameters']) => received({ parameters: given ?? {} }).parameters;
const heads = (stringParam: string) => requestedHeads(parameters({ heads: { stringParam } }));

test('heads: names in the order given', () => {
  assert.equal(requestedHeads(parameters({})), undefined);
  assert.deepEqual(heads('pets'), ['pets']);
  assert.deepEqual(heads('pets, fur ,b'), ['pets', 'fur', 'b']);
});

test('heads: what can not be meant is refused', () => {
  for (const text of ['', ',', 'pets,', ' , pets']) assert.throws(() => heads(text), /expected comma-separated names/);
  assert.throws(() => heads('a,b,a'), /parameter heads: "a" is named twice/);
  assert.throws(
    () => requestedHeads(parameters({ heads: { int64Param: 2 } })),
    /expected comma-separated names as string_param, got "2"/,
  );
  const many = Array.from({ length: MAX_HEADS + 1 }, (_, index) => `h${index}`);
  assert.equal(heads(many.slice(1).join(','))?.length, MAX_HEADS);
  assert.throws(() => heads(many.join(',')), /at most 128 heads a request, got 129/);
});

test('timeout: microseconds; 0 and none are no limit', () => {
  assert.equal(timeoutMs(parameters({})), Infinity);
  assert.equal(timeoutMs(parameters({ timeout: { int64Param: 0 } })), Infinity);
  assert.equal(timeoutMs(parameters({ timeout: { int64Param: 2500 } })), 2.5);
  assert.equal(timeoutMs(parameters({ timeout: { uint64Param: 1000 } })), 1);
  for (const wrong of [{ int64Param: -1 }, { stringParam: '5' }, { boolParam: true }]) {
    assert.throws(() => timeoutMs(parameters({ timeout: wrong })), /parameter timeout: expected microseconds/);
  }
});

const TINY: ModelSpec = { kind: 'backbone', name: 'tiny', size: 4, dimensions: 3 };
const wanted = (...outputs: NonNullable<ModelInferRequest['outputs']>) =>
  parseOutputs(received({ outputs }).outputs, TINY, ['pets', 'fur']);

test('outputs of several heads: label and probabilities of each, or those asked for', () => {
  const names = (...outputs: Parameters<typeof wanted>) =>
    wanted(...outputs).map(({ name, tensor, head }) => [name, tensor, head]);
  assert.deepEqual(names(), [
    ['pets.label', 'label', 0],
    ['pets.probabilities', 'probabilities', 0],
    ['fur.label', 'label', 1],
    ['fur.probabilities', 'probabilities', 1],
  ]);
  assert.deepEqual(names({ name: 'embedding' }, { name: 'fur.label' }), [
    ['embedding', 'embedding', 0],
    ['fur.label', 'label', 1],
  ]);
  const [best] = wanted({ name: 'fur.probabilities', parameters: { classification: { int64Param: 2 } } });
  assert.deepEqual([best?.classification, best?.head], [2, 1]);
});

test('outputs of several heads: a name without its head says nothing', () => {
  assert.throws(
    () => wanted({ name: 'label' }),
    /output "label": unknown; this request gives pets\.label, pets\.probabilities, fur\.label, fur\.probabilities, embedding/,
  );
  assert.throws(() => wanted({ name: 'pets.label' }, { name: 'pets.label' }), /asked for twice/);
});
