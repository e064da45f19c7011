import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { connect } from 'nats';
import { lastFirst } from '../support/last-first.js';
import { natsMissing, startTestNats } from '../support/nats.js';
import { embeddingOf, headRequest, startTestLearning, type TestLearning } from '../support/test-learning.js';
import { storedVersions, undisturbedFold } from '../support/undisturbed-fold.js';
import { until } from '../support/until.js';

const options = { skip: natsMissing() };
const classes = ['cat', 'dog', 'emu'];

function samples(from: number, to: number) {
  return Array.from({ length: to - from }, (_, i) => ({
    id: `s${from + i}`,
    label: classes[(from + i) % 3] as string,
    embedding: [...embeddingOf((from + i) % 3, from + i)],
  }));
}

async function teach({ learning }: TestLearning, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += 50) await learning.publishLabels('pets', samples(at, Math.min(to, at + 50)));
}

async function setUp(t: TestContext, overrides: Parameters<typeof startTestLearning>[2] = {}) {
  const ends = lastFirst(t);
  const nats = await startTestNats({ t: ends });
  return { ends, nats, system: await startTestLearning(ends, nats.url, overrides) };
}

test('a head serves what it learned, and a process that starts later goes on from the snapshot', options, async (t) => {
  const { system, nats, ends } = await setUp(t);
  assert.deepEqual(
    [system.learning.heads.serving('pets').version, system.learning.heads.serving('pets').model],
    [0, null],
  );
  await teach(system, 0, 200);
  await system.trained(200);
  const first = system.learning.heads.serving('pets');
  assert.ok(first.version > 0 && first.model?.classes.length === 3);
  await system.learning.close();

  const second = await startTestLearning(ends, nats.url);
  await second.trained(200);
  const restored = second.learning.heads.serving('pets');
  assert.equal(restored.version, first.version, 'nothing new was learned, so there is no new version');
  assert.deepEqual(restored.model, first.model);
  assert.deepEqual(second.learning.labelResults('pets'), {}, 'nothing was folded twice');
  await teach(second, 150, 260);
  await second.trained(260);
  assert.deepEqual(second.learning.labelResults('pets'), { trained: 60, duplicate: 50 });
});

test('the fold depends on the log alone, not on snapshots and restarts', options, async (t) => {
  const { system, nats, ends } = await setUp(t, { snapshots: { everySamples: 7, everyMs: 20, keep: 3 } });
  await teach(system, 0, 120);
  await system.learning.close();
  const restarted = await startTestLearning(ends, nats.url, { snapshots: { everySamples: 11, everyMs: 20, keep: 3 } });
  await teach(restarted, 120, 180);
  await restarted.trained(180);
  await restarted.learning.close();
  const client = await connect({ servers: nats.url });
  ends.after(() => client.close());
  const undisturbed = await undisturbedFold(client, 'pets');
  assert.equal(undisturbed.ids.length, 180);
  const [newest] = await storedVersions(client, 'pets');
  assert.deepEqual(
    [newest?.position.sequence, newest?.modelDigest, newest?.stateDigest],
    [undisturbed.lastSequence, undisturbed.modelDigest, undisturbed.stateDigest],
  );
});

test('older versions can be named, pinned and released', options, async (t) => {
  const { system } = await setUp(t, { snapshots: { everySamples: 10, everyMs: 50, keep: 4 } });
  const { heads } = system.learning;
  for (let i = 0; i < 8; i++) {
    await teach(system, i * 20, (i + 1) * 20);
    await system.trained((i + 1) * 20);
  }
  const { versions, latestVersion } = system.status();
  assert.ok(versions.length === 4 || versions.length === 5, 'the newest four, and the newest with a state');
  const older = versions[2]?.version as number;
  const named = await heads.version('pets', older);
  assert.equal(named.version, older);
  assert.notDeepEqual(named.model, heads.serving('pets').model);

  const pinned = await heads.rollback('pets', older);
  assert.deepEqual([pinned.servingVersion, pinned.pinned, pinned.latestVersion], [older, true, latestVersion]);
  assert.deepEqual(heads.serving('pets').model, named.model);
  for (let i = 8; i < 16; i++) await teach(system, i * 20, (i + 1) * 20);
  await until('learning goes on behind the pin', () => system.status().statistics.samples === 320);
  assert.equal(heads.serving('pets').version, older, 'the pin holds, and its version is kept');
  const released = await heads.rollback('pets', 0);
  assert.equal(released.pinned, false);
  await until('the newest is served again', () => heads.serving('pets').version === system.status().latestVersion);
  await assert.rejects(heads.rollback('pets', 9_999), { code: 'version_unknown' });
  await assert.rejects(heads.version('pets', 1), { code: 'version_unknown', message: /there are:/ });
  await assert.rejects(heads.rollback('nobody', 1), { code: 'head_unknown' });
});

test('a deleted head is gone, and the next one of its name knows nothing', options, async (t) => {
  const { system } = await setUp(t);
  const { heads } = system.learning;
  await teach(system, 0, 60);
  await system.trained(60);
  const { latestVersion } = system.status();
  const stale = { code: 'version_mismatch', message: new RegExp(`to ${latestVersion}, and .* version 0:`) };
  await assert.rejects(heads.delete('pets', 0), stale);
  await assert.rejects(heads.delete('pets', latestVersion + 1), { code: 'version_mismatch' });
  await heads.delete('pets', latestVersion);
  assert.equal(heads.status('pets'), undefined);
  assert.throws(() => heads.serving('pets'), { code: 'head_unknown' });
  await assert.rejects(system.learning.publishLabels('pets', samples(0, 1)), { code: 'head_unknown' });
  await assert.rejects(heads.delete('pets', 0), { code: 'head_unknown' });

  const created = await heads.create(headRequest('pets'));
  assert.equal(created.definition.generation, 2);
  assert.equal(heads.serving('pets').version, 0);
  await teach(system, 0, 60);
  await system.trained(60);
  assert.equal(system.status().statistics.samples, 60, 'ids of the first generation are new to the second');
  await assert.rejects(heads.create(headRequest('pets')), { code: 'head_exists' });
  assert.deepEqual(system.problems, []);
});

test('heads that one process makes are known to another', options, async (t) => {
  const { system, nats, ends } = await setUp(t);
  const other = await startTestLearning(ends, nats.url, { roles: ['serve'], heads: [] });
  await system.learning.heads.create(headRequest('late', { classes: ['e\u0301', 'b'] }));
  await other.learning.publishLabels('late', [{ id: 'a', label: 'é', embedding: [1, 2, 3, 4] }]);
  await system.trained(1, 'late');
  // Which number it has depends on whether a version was made between the head's learners and its first sample.
  const newest = () => system.status('late').latestVersion;
  await until('the other serves it', () => other.learning.heads.status('late')?.servingVersion === newest());
  assert.deepEqual(other.learning.heads.serving('late').model?.classes, ['é', 'b']);
  for (const bad of [{ name: 'Bad Name' }, { classes: ['a', 'a'] }, { classes: ['a\n'] }, { maxClasses: 0 }]) {
    await assert.rejects(
      system.learning.heads.create(headRequest('fine', bad)),
      { code: 'invalid_argument' },
      JSON.stringify(bad),
    );
  }
});

test('a damaged snapshot is noticed and replaced by an older one and the log', options, async (t) => {
  const { system, nats, ends } = await setUp(t);
  await teach(system, 0, 100);
  await system.trained(100);
  const before = system.learning.heads.serving('pets').model;
  const newest = system.status().versions[0];
  await system.learning.close();
  const client = await connect({ servers: nats.url });
  const objects = await client.jetstream().views.os('headwater-heads');
  await objects.putBlob({ name: `pets/1/state/${newest?.stateDigest}` }, Buffer.from('damaged'));
  await client.close();

  const again = await startTestLearning(ends, nats.url);
  await until('the damage is told', () => again.problems.some((line) => line.includes('damaged')));
  await teach(again, 100, 101);
  await again.trained(101);
  assert.equal(again.status().statistics.samples, 101, 'nothing lost, nothing twice');
  assert.equal(again.learning.heads.serving('pets').model?.classes.length, before?.classes.length);
});
