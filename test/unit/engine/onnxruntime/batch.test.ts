import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Images } from '../../../../src/engine/backbone.js';
import { BatchAssembler, findItemProblem } from '../../../../src/engine/onnxruntime/batch.js';
import { somePixels } from '../fixtures.js';

const image = { size: 2, resize: 2, channels: 'rgb', scale: 1, mean: [0, 0, 0], std: [1, 1, 1] } as const;

test('a lone input is used without a copy', () => {
  const data = Float32Array.from({ length: 12 }, (_, i) => i);
  assert.equal(new BatchAssembler(image).assemble([{ kind: 'input', count: 1, data }]), data);
});

test('items are laid one after the other, also when a smaller batch follows a larger one', () => {
  const assembler = new BatchAssembler(image);
  const input: Images = { kind: 'input', count: 2, data: Float32Array.from({ length: 24 }, (_, i) => 1000 + i) };
  const pixels: Images = { kind: 'pixels', count: 1, data: Uint8Array.from({ length: 12 }, (_, i) => i) };
  const planes = [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11];
  assert.deepEqual([...assembler.assemble([input, pixels, input])], [...input.data, ...planes, ...input.data]);
  assert.deepEqual([...assembler.assemble([pixels])], planes);
});

test('items with the wrong number of values are named', () => {
  const good: Images = { kind: 'pixels', count: 1, data: somePixels(1, 2, 1) };
  assert.equal(findItemProblem([good], 2), undefined);
  assert.match(findItemProblem([], 2) ?? '', /no images/);
  assert.match(findItemProblem([good, { ...good, count: 2 }], 2) ?? '', /item 1 .* needs 24 values, but has 12/);
  assert.match(findItemProblem([{ ...good, count: 0 }], 2) ?? '', /count 0/);
  assert.match(findItemProblem([{ ...good, count: 0.5 }], 2) ?? '', /count 0.5/);
});
