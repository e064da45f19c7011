// Requests for several heads of one backbone, by the parameter `heads`.
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { ModelInferRequest } from '../../protos/index.js';
import { FakeBackbone } from '../support/fake-backbone.js';
import { FakeLearning } from '../support/fake-learning.js';
import { HeldBackbone } from '../support/held-backbone.js';
import {
  failure,
  PETS,
  rawFloats,
  rawStrings,
  readRawFloats,
  readRawStrings,
  startTestServer,
  type TestServer,
} from '../support/test-server.js';
import { until } from '../support/until.js';

const FUR = { ...PETS, classes: ['long', 'short', 'none'], weights: Float32Array.of(0, 0, 1, 0, 1, 0, 1, 0, 0) };
const SET = [
  'backbones=[{ name: tiny, model: a.onnx, image: { size: 4, resize: 4 } }, { name: other, model: b.onnx, image: { size: 4, resize: 4 } }]',
  'heads=[{ name: pets, backbone: tiny }, { name: fur, backbone: tiny }, { name: new, backbone: tiny }, { name: far, backbone: other }]',
];

let server: TestServer;
let tiny: FakeBackbone;
const learning = new FakeLearning();

before(async () => {
  tiny = new FakeBackbone();
  server = await startTestServer({
    set: SET,
    learning,
    parts: { loadBackbone: async ({ name }) => (name === 'tiny' ? tiny : new FakeBackbone({ name })) },
  });
  for (const name of ['pets', 'fur', 'far']) learning.heads.teach(name, PETS);
  learning.heads.teach('fur', FUR);
});
after(() => server.close());
beforeEach(() => {
  learning.recorded.length = 0;
  tiny.batches.length = 0;
});

const pixels = (...values: number[]) => ({
  inputs: [{ name: 'pixels', datatype: 'UINT8', shape: [values.length, 4, 4, 3] }],
  rawInputContents: [Buffer.concat(values.map((value) => Buffer.alloc(48, value)))],
});
const heads = (stringParam: string) => ({ parameters: { heads: { stringParam } } });
const ask = (names: string, request: ModelInferRequest = {}) =>
  server.infer({ modelName: 'tiny', id: 'photo', ...pixels(3, 5), ...heads(names), ...request });

test('k heads cost one embedding; each answers from its own version and is recorded under the id', async () => {
  const response = await ask('pets,fur,new');
  assert.deepEqual(tiny.batches, [2], 'the two images went through the backbone once');
  assert.deepEqual([response.modelName, response.modelVersion, response.id], ['tiny', '1', 'photo']);
  assert.deepEqual(
    response.outputs.map(({ name, datatype, shape }) => [name, datatype, shape]),
    [
      ['pets.label', 'BYTES', [2]],
      ['pets.probabilities', 'FP32', [2, 3]],
      ['fur.label', 'BYTES', [2]],
      ['fur.probabilities', 'FP32', [2, 3]],
      ['new.label', 'BYTES', [2]],
      ['new.probabilities', 'FP32', [2, 0]],
    ],
  );
  // The embedding is [v, v + 1, v + 2].
  assert.deepEqual(readRawStrings(response.rawOutputContents[0]!), ['eel', 'eel']);
  assert.deepEqual(readRawStrings(response.rawOutputContents[2]!), ['long', 'long']);
  assert.deepEqual(readRawStrings(response.rawOutputContents[4]!), ['', '']);
  const parameter = (name: string) => response.parameters[name]?.stringParam ?? response.parameters[name]?.boolParam;
  assert.deepEqual(
    ['pets.version', 'fur.version', 'new.version', 'recorded', 'pets.recorded', 'new.recorded'].map(parameter),
    ['1', '2', '0', true, true, true],
  );
  assert.deepEqual(
    learning.recorded.map(({ head, items }) => [
      head.definition.name,
      head.version,
      items.map(({ id, predicted }) => [id, predicted]),
    ]),
    [
      [
        'pets',
        1,
        [
          ['photo/0', 'eel'],
          ['photo/1', 'eel'],
        ],
      ],
      [
        'fur',
        2,
        [
          ['photo/0', 'long'],
          ['photo/1', 'long'],
        ],
      ],
      [
        'new',
        0,
        [
          ['photo/0', ''],
          ['photo/1', ''],
        ],
      ],
    ],
  );
});

test('outputs are asked for by head, the embedding once; the model named may be one of the heads', async () => {
  const response = await ask('pets,fur', {
    modelName: 'fur',
    modelVersion: '1',
    outputs: [
      { name: 'embedding' },
      { name: 'fur.probabilities', parameters: { classification: { int64Param: 1 } } },
      { name: 'pets.label' },
    ],
  });
  assert.deepEqual([response.modelName, response.modelVersion], ['fur', '1'], 'the version asked for is of fur');
  assert.deepEqual(readRawFloats(response.rawOutputContents[0]!), [3, 4, 5, 5, 6, 7]);
  assert.match(readRawStrings(response.rawOutputContents[1]!)[0]!, /^0\.\d+:2:eel$/);
  assert.equal(response.outputs.length, 3);
  assert.deepEqual(response.parameters['fur.version']?.stringParam, '1');
});

test('an embedding is taken as well, and one head by itself answers under its name', async () => {
  const response = await server.infer({
    modelName: 'pets',
    ...heads('pets'),
    inputs: [{ name: 'embedding', datatype: 'FP32', shape: [1, 3] }],
    rawInputContents: [rawFloats(9, 0, 0)],
  });
  assert.deepEqual(
    response.outputs.map(({ name }) => name),
    ['pets.label', 'pets.probabilities'],
  );
  assert.deepEqual(response.rawOutputContents[0], rawStrings('cat'));
  assert.deepEqual(tiny.batches, []);
});

const REFUSED: [string, string, string, RegExp][] = [
  ['a head that does not exist', 'tiny', 'pets,nobody', /no model "nobody"/],
  ['a backbone among the heads', 'tiny', 'pets,tiny', /parameter heads: "tiny" is a backbone; expected names of heads/],
  [
    'heads of two backbones',
    'tiny',
    'pets,far',
    /expected heads of one backbone; "pets" is of "tiny", "far" is of "other"/,
  ],
  [
    'another backbone as the model',
    'other',
    'pets,fur',
    /expected model_name to be one of them or their backbone "tiny", got "other"/,
  ],
  ['a head as the model that is not listed', 'new', 'pets,fur', /expected model_name to be one of them/],
];
for (const [what, modelName, names, message] of REFUSED) {
  test(`refused: ${what}`, async () => {
    const error = await failure(ask(names, { modelName }));
    assert.match(error.details, message);
    assert.deepEqual([tiny.batches, learning.recorded], [[], []], 'nothing was run or recorded');
  });
}

test('one head that can not answer fails the request, by name, and nothing is recorded', async () => {
  const head = learning.heads.need('fur');
  head.state = 'loading';
  const error = await failure(ask('pets,fur'));
  head.state = 'ready';
  assert.match(error.message, /UNAVAILABLE.*'fur'/);
  assert.deepEqual([tiny.batches, learning.recorded], [[], []]);
});

test('snapshots are captured when a batch starts, one a head; requests to different heads share a batch', async (t) => {
  const slow = new HeldBackbone();
  const own = new FakeLearning();
  const waiting = await startTestServer({
    set: [...SET, 'server.streamWindow=8'],
    learning: own,
    parts: { loadBackbone: async ({ name }) => (name === 'tiny' ? slow : new FakeBackbone({ name })) },
  });
  t.after(() => waiting.close());
  own.heads.teach('pets', PETS);
  own.heads.teach('fur', PETS);
  slow.batches.length = 0;
  slow.hold();
  const both = { modelName: 'tiny', ...pixels(1), ...heads('pets,fur') };
  const first = waiting.infer(both);
  await until('the first batch runs', () => slow.batches.length === 1);
  own.heads.teach('fur', FUR);
  const second = [
    waiting.infer(both),
    waiting.infer({ modelName: 'fur', ...pixels(2) }),
    waiting.infer({ modelName: 'pets', ...pixels(3) }),
  ];
  await until(
    'the others wait',
    async () =>
      / 3$/m.test(/^headwater_queue_depth{.*tiny.*$/m.exec((await waiting.get('/metrics')).body)?.[0] ?? '') ||
      slow.batches.length > 1,
  );
  slow.release();
  const versions = async (response: ReturnType<typeof waiting.infer>) => {
    const { parameters } = await response;
    return ['pets.version', 'fur.version'].map((name) => parameters[name]?.stringParam);
  };
  assert.deepEqual(await versions(first), ['1', '1'], 'a swap while the batch runs is not seen');
  assert.deepEqual(await versions(second[0]!), ['1', '2'], 'one before it starts is');
  await Promise.all(second);
  const [one, ...others] = slow.batches;
  assert.equal(one, 1);
  assert.equal(
    others.reduce((sum, images) => sum + images, 0),
    3,
  );
  assert.ok(others.length <= 2, `3 requests for different heads went in batches of ${others}`);
});
