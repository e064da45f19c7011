import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  applyChange,
  definitionOf,
  type HeadView,
  noStatistics,
  servableVersion,
  statusOf,
  wantedVersion,
} from '../../../../src/learner/heads/registry/head-view.js';
import { defaultLearnerOptions } from '../../../../src/learner/learners/learner-options.js';
import type { LatestPointer, StoredDefinition } from '../../../../src/learner/nats/stores/head-store.js';
import type { HeadStatistics, HeadVersion } from '../../../../src/learner/types.js';

const statistics: HeadStatistics = {
  ...noStatistics,
  samples: 9,
  skipped: 0,
  servedLabelled: 3,
  servedCorrect: 2,
  servedAccuracy: [],
  prequentialAccuracy: [],
  classes: [],
};

function definition(generation = 1, deleted = false): StoredDefinition {
  return {
    name: 'pets',
    generation,
    backbone: 'tiny',
    backboneIdentity: 'abc',
    dimensions: 4,
    classes: 'open',
    maxClasses: 10,
    learner: defaultLearnerOptions,
    createdAtMs: 1,
    deleted,
    remains: [],
  };
}

function version(number: number): HeadVersion {
  return {
    version: number,
    samples: number,
    position: { streamCreated: 't', sequence: number },
    createdAtMs: number,
    modelDigest: `m${number}`,
    stateDigest: `s${number}`,
    champion: 'sgd',
    accuracy: null,
  };
}

function latest(generation: number, versions: number[]): LatestPointer {
  return { generation, versions: versions.map(version), statistics, epoch: 0 } as LatestPointer;
}

function view(): HeadView {
  return {
    definition: { value: definition(), revision: 1 },
    latest: { value: latest(1, [3, 2, 1]), revision: 4 },
    revisions: { definition: 1, latest: 4 },
  };
}

test('the newest version is served, a pinned one before it, and a pin that names nothing is ignored', () => {
  const head = view();
  assert.equal(wantedVersion(head)?.version, 3);
  head.serving = { value: { generation: 1, version: 2 }, revision: 5 };
  assert.equal(wantedVersion(head)?.version, 2);
  head.serving = { value: { generation: 1, version: 9 }, revision: 6 };
  assert.equal(wantedVersion(head)?.version, 3);
});

test('pointers and pins of an older generation mean nothing to the next', () => {
  const head = view();
  head.serving = { value: { generation: 1, version: 2 }, revision: 5 };
  applyChange(head, { head: 'pets', key: 'definition', stored: { value: definition(2), revision: 7 }, revision: 7 });
  assert.equal(wantedVersion(head), undefined);
  assert.equal(statusOf(head, definition(2), undefined, 'nobody').latestVersion, 0);
  assert.equal(statusOf(head, definition(2), undefined, 'nobody').statistics.samples, 0);
});

test('an older revision does not undo a newer one', () => {
  const head = view();
  applyChange(head, { head: 'pets', key: 'latest', stored: { value: latest(1, [1]), revision: 3 }, revision: 3 });
  assert.equal(wantedVersion(head)?.version, 3);
  applyChange(head, { head: 'pets', key: 'latest', stored: { value: latest(1, [4, 3]), revision: 9 }, revision: 9 });
  assert.equal(wantedVersion(head)?.version, 4);
});

test('a late removal does not wipe what came after it', () => {
  const head = view();
  applyChange(head, { head: 'pets', key: 'latest', stored: { value: latest(1, [4]), revision: 9 }, revision: 9 });
  applyChange(head, { head: 'pets', key: 'latest', stored: undefined, revision: 8 });
  assert.equal(wantedVersion(head)?.version, 4);
  applyChange(head, { head: 'pets', key: 'latest', stored: undefined, revision: 10 });
  assert.equal(wantedVersion(head), undefined);
});

test('a deleted head has no definition', () => {
  const head = view();
  applyChange(head, {
    head: 'pets',
    key: 'definition',
    stored: { value: definition(1, true), revision: 8 },
    revision: 8,
  });
  assert.equal(definitionOf(head), undefined);
});

test('the status tells what is loaded, not what should be', () => {
  const head = view();
  assert.equal(statusOf(head, definition(), undefined, 'nobody').state, 'loading');
  assert.equal(statusOf(head, definition(), undefined, 'nobody', false).state, 'ready', 'who only teaches loads none');
  const model = { classes: [], dimensions: 4, weights: new Float32Array(0), bias: new Float32Array(0) };
  head.loaded = { generation: 1, version: 2, model };
  const status = statusOf(head, definition(), undefined, 'nobody');
  assert.deepEqual([status.state, status.servingVersion, status.latestVersion], ['ready', 2, 3]);
  const teaching = {
    statistics: { ...statistics, samples: 12 },
    lag: 5,
    problem: 'learning stopped: x',
    waits: { count: 1, seconds: 2 },
  };
  const live = statusOf(head, definition(), teaching, 'here');
  assert.deepEqual([live.statistics.samples, live.lag, live.state], [12, 5, 'learning stopped: x']);
  assert.deepEqual([live.taughtBy, live.waits, live.compactedTo], ['here', { count: 1, seconds: 2 }, 0]);
});

test('while the wanted version is unreadable, the newest below it is served, else the oldest above', () => {
  const head = view();
  head.unreadable = new Set(['m3']);
  assert.equal(servableVersion(head)?.version, 2);
  head.serving = { value: { generation: 1, version: 1 }, revision: 5 };
  assert.equal(servableVersion(head)?.version, 1, 'the pin');
  head.unreadable = new Set(['m1']);
  assert.equal(servableVersion(head)?.version, 2);
  head.unreadable = new Set(['m1', 'm2', 'm3']);
  assert.equal(servableVersion(head), undefined);
  applyChange(head, { head: 'pets', key: 'damaged', stored: undefined, revision: 6 });
  assert.equal(servableVersion(head)?.version, 1, 'stored anew: worth another look');
});

test('only a compaction of this generation counts', () => {
  const head = view();
  const record = { generation: 1, removedTo: 7, purged: true, base: version(1), next: null, ids: null };
  head.compaction = { value: record, revision: 9 };
  assert.equal(statusOf(head, definition(), undefined, 'nobody').compactedTo, 7);
  head.compaction = { value: { ...record, generation: 0 }, revision: 9 };
  assert.equal(statusOf(head, definition(), undefined, 'nobody').compactedTo, 0);
});
