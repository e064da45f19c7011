import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeModel } from '../../../../src/learner/fold/model-format.js';
import { openImport } from '../../../../src/learner/heads/files/open-import.js';
import { encodeHeadFile } from '../../../../src/learner/heads/files/safetensors.js';
import { headRequest } from '../../../support/test-learning.js';

const DIMENSIONS = 4096;
const classes = Array.from({ length: 500 }, (_, index) => `class ${index}`);
const request = headRequest('moved', { dimensions: DIMENSIONS, maxClasses: 1000 });
const bytes = encodeHeadFile({
  ...{ head: 'pets', version: 7, samples: 12, champion: 'sgd', createdAtMs: 0, embedding: undefined },
  ...{ classes, dimensions: DIMENSIONS, backbone: 'tiny', backboneIdentity: request.backboneIdentity },
  weights: new Float32Array(classes.length * DIMENSIONS).fill(0.5),
  bias: new Float32Array(classes.length),
});
const definition = { ...request, generation: 3, createdAtMs: 1 };

test('a file is read beside the event loop, which goes on', async () => {
  let turns = 0;
  const count = () => {
    turns++;
    next = setImmediate(count);
  };
  let next = setImmediate(count);
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  const file = await openImport({ request, bytes: shared, embedding: undefined });
  const reading = turns;
  const model = await file.model(definition);
  clearImmediate(next);
  await file.close();
  assert.ok(reading > 20, `${reading} turns while it was read`);
  assert.ok(turns - reading > 5, `${turns - reading} turns while the model was made`);
  const { weights, classes: names } = decodeModel(model, definition);
  assert.deepEqual([names, weights.length, weights[99]], [classes, classes.length * DIMENSIONS, 0.5]);
});

test('what can not be read is told as it is without the thread', async () => {
  const refused = { name: 'LearnerError', code: 'invalid_argument', message: /the file of the head can't be used/ };
  await assert.rejects(openImport({ request, bytes: bytes.subarray(0, 100), embedding: undefined }), refused);
});
