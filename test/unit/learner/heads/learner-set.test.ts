import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeEntry } from '../../../../src/learner/fold/log-entry.js';
import { noStatistics } from '../../../../src/learner/heads/registry/head-view.js';
import { LearnerSet } from '../../../../src/learner/heads/teaching/learner-set.js';
import { estimateBytes } from '../../../../src/learner/learners/create.js';
import { defaultLearnerOptions } from '../../../../src/learner/learners/learner-options.js';
import {
  type CandidateName,
  type HeadDefinition,
  type HeadStatistics,
  type LearnerOptions,
  learnerKinds,
} from '../../../../src/learner/types.js';

const dimensions = 64;
const classes = ['a', 'b', 'c'];

function definition(name: string, train: LearnerOptions['train'] = 'auto'): HeadDefinition {
  return {
    name,
    generation: 1,
    backbone: 'tiny',
    backboneIdentity: 'x',
    dimensions,
    classes,
    maxClasses: 10,
    learner: { ...defaultLearnerOptions, train },
    createdAtMs: 0,
  };
}

function statistics(...names: CandidateName[]): HeadStatistics {
  const candidates = names.map((name) => ({ name, bytes: 1_000 }) as HeadStatistics['candidates'][number]);
  return { ...noStatistics, candidates };
}

const all = learnerKinds.reduce(
  (sum, kind) => sum + estimateBytes(kind, { dimensions, options: defaultLearnerOptions }, classes.length),
  0,
);

/** Room for two heads with all learners. */
function newSet() {
  const appended: string[] = [];
  const log = {
    appendAct: async ({ name }: HeadDefinition, _: string, entry: Uint8Array) => {
      const decoded = decodeEntry(entry);
      assert.ok(decoded.kind === 'act' && decoded.act.change.kind === 'set_learners');
      assert.deepEqual(decoded.act.change.learners, [...learnerKinds]);
      return appended.push(name);
    },
  };
  return { appended, set: new LearnerSet(log, 2.5 * all, { log: () => {} }) };
}

test('heads get all learners as long as there is room for their states', async () => {
  const { appended, set } = newSet();
  for (const name of ['one', 'two', 'three', 'four']) await set.opened(definition(name), statistics('sgd'), true);
  assert.deepEqual(appended, ['one', 'two']);
  set.folded(definition('one'), statistics(...learnerKinds));
  await set.opened(definition('one'), statistics('sgd'), true);
  assert.deepEqual(appended, ['one', 'two', 'one'], 'the log takes the act once; asking again is safe');
});

test('the room of a head that goes is for those that wait', async () => {
  const { appended, set } = newSet();
  for (const name of ['one', 'two', 'three', 'four']) await set.opened(definition(name), statistics('sgd'), true);
  set.closed(definition('four'));
  set.closed(definition('one'));
  assert.deepEqual(appended, ['one', 'two', 'three']);
});

test('who was given a list, has others already, or takes the room as it is, is left alone', async () => {
  const { appended, set } = newSet();
  await set.opened(definition('listed', ['sgd']), statistics('sgd'), true);
  await set.opened(definition('chosen'), statistics('sgd', 'rls'), true);
  const large = { ...statistics(...learnerKinds) };
  const candidates = large.candidates.map((each) => ({ ...each, bytes: all }));
  await set.opened(definition('restored'), { ...large, candidates }, false);
  await set.opened(definition('late'), statistics('sgd'), true);
  assert.deepEqual(appended, []);
});

test('after a start, heads that had all learners before have their room first', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { appended, set } = newSet();
  await set.opened(definition('poor'), statistics('sgd'), false);
  await set.opened(definition('rich'), statistics(...learnerKinds), false);
  await set.opened(definition('poorer'), statistics('sgd'), false);
  assert.deepEqual(appended, []);
  t.mock.timers.tick(10_000);
  assert.deepEqual(appended, ['poor'], 'room for two: the rich one counts with what it will take');
});

test('a head whose log was cut keeps what it has: an operator may have chosen it, and the act that says so is gone', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { appended, set } = newSet();
  await set.opened(definition('cut'), statistics('sgd'), false, true);
  await set.opened(definition('whole'), statistics('sgd'), false);
  t.mock.timers.tick(10_000);
  assert.deepEqual(appended, ['whole']);
});

test('a head opens although the act can not be stored: its log is full, say', async () => {
  const told: string[] = [];
  const log = { appendAct: () => Promise.reject(new Error('full')) };
  const set = new LearnerSet(log, 4 * all, { log: (_, message) => told.push(message) });
  await set.opened(definition('first'), statistics('sgd'), true);
  assert.match(told.join(), /'first': it gets no more learners: full/);
});
