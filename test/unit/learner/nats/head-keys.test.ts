import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noStatistics } from '../../../../src/learner/heads/registry/head-view.js';
import { defaultLearnerOptions } from '../../../../src/learner/learners/learner-options.js';
import { headKeySchemas } from '../../../../src/learner/nats/stores/head-keys.js';

const sgd = { rate: 0.02, momentum: 0.8, weightDecay: 1e-4, annealEvery: 500, annealFactor: 2, rateFloor: 0.2 };

const definition = {
  name: 'pets',
  generation: 3,
  backbone: 'tiny',
  backboneIdentity: 'abc',
  dimensions: 4,
  classes: 'open',
  maxClasses: 10,
  learner: defaultLearnerOptions,
  createdAtMs: 1,
  deleted: false,
  remains: [],
};

test('what is written is what is read', () => {
  assert.deepEqual(headKeySchemas.definition.parse(definition), definition);
  const position = { streamCreated: 't', sequence: 9 };
  const version = { version: 2, samples: 8, position, createdAtMs: 5, modelDigest: 'm', stateDigest: null };
  const versions = [{ ...version, champion: 'blend', accuracy: 0.5 }];
  const pointer = { generation: 3, versions, statistics: noStatistics, epoch: 7 };
  assert.deepEqual(headKeySchemas.latest.parse(pointer), pointer);
  assert.deepEqual(headKeySchemas.latest.parse({ ...pointer, versions: [] }).versions, []);
});

test('heads from before there was more than one learner go on with it, as they were told to learn', () => {
  const { learner } = headKeySchemas.definition.parse({ ...definition, learner: { kind: 'sgd', ...sgd } });
  assert.deepEqual(learner, { ...defaultLearnerOptions, serve: 'sgd', train: ['sgd'], sgd });
});

test('a pointer from before there were candidates is read', () => {
  const windows = [{ window: 100, count: 3, accuracy: 1 }];
  const old = {
    generation: 3,
    versions: [
      {
        version: 4,
        samples: 8,
        position: { streamCreated: 't', sequence: 9 },
        createdAtMs: 5,
        modelDigest: 'm',
        stateDigest: 's',
      },
    ],
    statistics: {
      samples: 8,
      skipped: 0,
      servedLabelled: 2,
      servedCorrect: 1,
      servedAccuracy: windows,
      prequentialAccuracy: windows,
      classes: [{ name: 'a', samples: 8, recent: 3, recall: 1 }],
    },
    epoch: 0,
  };
  const read = headKeySchemas.latest.parse(old);
  assert.deepEqual([read.versions[0]?.champion, read.versions[0]?.accuracy], ['sgd', null]);
  assert.deepEqual(read.statistics, { ...noStatistics, ...old.statistics });
});

test('what is something else is refused', () => {
  for (const learner of [{}, { kind: 'best' }, { ...defaultLearnerOptions, serve: 'best' }]) {
    assert.equal(headKeySchemas.definition.safeParse({ ...definition, learner }).success, false);
  }
});
