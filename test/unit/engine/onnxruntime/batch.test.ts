import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Images } from '../../../../src/engine/backbone.js';
import { BatchAssembler } from '../../../../src/engine/onnxruntime/batch.js';

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
