import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { NatsConnection, NatsError } from 'nats';
import { type ImageEmbedder, type Role, replayHead } from '../../src/learner/index.js';
import { NatsSender } from '../../src/server/client/nats-sender.js';
import { opensslMissing } from '../support/certificates.js';
import { lastFirst } from '../support/last-first.js';
import { natsMissing } from '../support/nats.js';
import { ReadyNats, type ReadyUser } from '../support/ready-nats.js';
import { embeddingOf, headRequest, startTestLearning, type TestLearning } from '../support/test-learning.js';
import { until } from '../support/until.js';

const skip = natsMissing() || opensslMissing();
const classes = ['rose', 'tulip', 'daisy'];
const RETRY = { patienceMs: 60_000, firstDelayMs: 20, maxDelayMs: 200 };

const embedder: ImageEmbedder = {
  backbone: 'tiny',
  embed: async (image) => ({
    embedding: embeddingOf(image[0] ?? 0, image[0] ?? 0),
    backboneIdentity: 'identity-of-tiny',
  }),
};

function start(
  ends: Pick<TestContext, 'after'>,
  nats: ReadyNats,
  user: ReadyUser,
  roles: readonly Role[],
): Promise<TestLearning> {
  return startTestLearning(ends, nats.url, {
    roles,
    security: nats.security(user),
    heads: [headRequest('flowers')],
    embedders: roles.includes('serve') ? [embedder] : [],
    labels: { graceMs: 200, dedupeMs: 1_000 },
    training: { keepSamples: 40, fenceMs: 50 },
    snapshots: { everySamples: 10, everyMs: 50, keep: 3 },
  });
}

/** Everything that Headwater does to NATS: labels of all kinds, acts, versions, files, compaction, deletion. */
async function useAll(ends: Pick<TestContext, 'after'>, nats: ReadyNats, front: TestLearning): Promise<void> {
  const { learning } = front;
  const { heads } = learning;
  const source = { address: nats.url, security: nats.security('FLOWERS'), warn: assert.fail };
  const publisher = await NatsSender.connect(source, 'flowers', RETRY);
  ends.after(() => publisher.close());
  for (let i = 0; i < 30; i++) {
    const item = { id: `join${i}`, predicted: '', embedding: embeddingOf(i % 3, i) };
    await learning.recordServed(heads.serving('flowers'), [item]);
    await publisher.send({ id: item.id, label: classes[i % 3]! });
  }
  for (let i = 0; i < 30; i++) {
    await publisher.send({ id: `image${i}`, label: classes[i % 3]!, image: Buffer.of(i % 3) });
  }
  await front.trained(60, 'flowers');
  await publisher.send({ id: 'nobody', label: 'rose' });
  const samples = Array.from({ length: 60 }, (_, i) => ({
    id: `sample${i}`,
    label: classes[i % 3]!,
    embedding: [...embeddingOf(i % 3, i)],
  }));
  await learning.publishLabels('flowers', samples);
  await front.trained(120, 'flowers');
  const position = await heads.act('flowers', { kind: 'rename_class', from: 'daisy', to: 'oxeye' });
  await until('the act is stored', () => (heads.status('flowers')?.snapshotSequence ?? 0) >= position);
  await heads.statistics('flowers');
  await heads.progress('flowers');
  const versions = () => heads.status('flowers')?.versions ?? [];
  await until('there are two versions', () => versions().length >= 2);
  await heads.rollback('flowers', versions()[1]!.version);
  await heads.rollback('flowers', 0);
  const { bytes } = await heads.export('flowers', 0);
  await heads.import(headRequest('moved'), bytes);
  await until('the imported head serves', () => heads.status('moved')?.servingVersion === 1);
  await until('and is taught', () => heads.status('moved')?.state === 'ready');
  await heads.delete('moved', heads.status('moved')?.latestVersion ?? 1);
  const client = await nats.connect('ALL');
  ends.after(() => client.close());
  const { streams } = await client.jetstreamManager();
  const state = async (stream: string) => (await streams.info(stream)).state;
  await until(
    'compaction removed samples',
    async () =>
      (await state('HEADWATER_TRAINING')).num_deleted !== undefined ||
      (await state('HEADWATER_TRAINING')).first_seq > 1,
  );
  await until('the label of an unknown id is given up', async () => (await state('HEADWATER_DEAD')).messages > 0);
  await until('nothing waits', async () => (await state('HEADWATER_LABELS')).messages === 0);
}

/** `headwater replay` as a user: what it finds. */
async function replay(nats: ReadyNats, user: ReadyUser): Promise<string> {
  const place = { ...nats.security(user), url: nats.url, dataDir: '/nowhere', serverBinary: null };
  return (await replayHead({ nats: place, head: 'flowers', log: () => {} })).outcome;
}

describe('the ready nats-server configuration', { skip, timeout: 240_000 }, () => {
  it('lets a process with all roles do all of its work', async (t) => {
    const ends = lastFirst(t);
    const nats = await ReadyNats.start(ends);
    const system = await start(ends, nats, 'ALL', ['serve', 'join', 'learn']);
    await useAll(ends, nats, system);
    await system.learning.close();
    const again = await start(ends, nats, 'ALL', ['serve', 'join', 'learn']);
    await until('it serves again', () => (again.learning.heads.status('flowers')?.servingVersion ?? 0) > 0);
    assert.equal(await replay(nats, 'ALL'), 'equal');
    assert.deepEqual(nats.violations(), []);
    assert.deepEqual(system.problems, []);
  });

  it('lets processes of one role each do theirs', async (t) => {
    const ends = lastFirst(t);
    const nats = await ReadyNats.start(ends);
    const [front, joiner, learner] = await Promise.all([
      start(ends, nats, 'SERVE', ['serve']),
      start(ends, nats, 'JOIN', ['join']),
      start(ends, nats, 'LEARN', ['learn']),
    ]);
    await useAll(ends, nats, front);
    await learner.learning.close();
    await start(ends, nats, 'LEARN', ['learn']);
    await front.learning.publishLabels('flowers', [{ id: 'last', label: 'rose', embedding: [1, 2, 3, 4] }]);
    await front.trained(121, 'flowers');
    assert.equal(await replay(nats, 'LEARN'), 'equal');
    assert.deepEqual(nats.violations(), []);
    assert.deepEqual([...front.problems, ...joiner.problems, ...learner.problems], []);
  });

  it('keeps everybody from what is not theirs', async (t) => {
    const ends = lastFirst(t);
    const nats = await ReadyNats.start(ends);
    const system = await start(ends, nats, 'ALL', ['serve', 'join', 'learn']);
    const connections = new Map<ReadyUser, NatsConnection>();
    const as = async (user: ReadyUser) => {
      const connection = connections.get(user) ?? (await nats.connect(user));
      if (!connections.has(user)) ends.after(() => connection.close());
      connections.set(user, connection);
      return connection;
    };
    const publishes: [ReadyUser, string][] = [
      ['FLOWERS', 'headwater.label.pets'],
      ['FLOWERS', 'headwater.label.flowers.more'],
      ['FLOWERS', 'headwater.training.flowers.1.abc'],
      ['FLOWERS', 'headwater.served.flowers.1.abc'],
      ['FLOWERS', 'headwater.dead.flowers'],
      ['FLOWERS', '$KV.headwater-heads.flowers.latest'],
      ['FLOWERS', '$O.headwater-heads.C.abc'],
      ['FLOWERS', '$JS.API.STREAM.DELETE.HEADWATER_TRAINING'],
      ['FLOWERS', '$JS.API.STREAM.MSG.GET.HEADWATER_LABELS'],
      ['FLOWERS', '$JS.API.DIRECT.GET.OBJ_headwater-heads'],
      ['FLOWERS', '$JS.API.INFO'],
      ['FLOWERS', '$JS.API.CONSUMER.CREATE.HEADWATER_LABELS'],
      ['FLOWERS', '$JS.ACK.HEADWATER_LABELS.join.1.1.1.1.1'],
      ['DEAD_LETTERS', 'headwater.label.flowers'],
      ['DEAD_LETTERS', 'headwater.dead.flowers'],
      ['DEAD_LETTERS', '$JS.API.STREAM.MSG.GET.HEADWATER_TRAINING'],
      ['DEAD_LETTERS', '$JS.API.STREAM.MSG.DELETE.HEADWATER_DEAD'],
      ['DEAD_LETTERS', '$JS.API.CONSUMER.CREATE.HEADWATER_DEAD'],
      ['MONITOR', '$JS.API.STREAM.MSG.GET.HEADWATER_DEAD'],
      ['MONITOR', '$JS.API.STREAM.PURGE.HEADWATER_DEAD'],
      ['MONITOR', 'headwater.label.flowers'],
      ['SERVE', '$KV.headwater-leases.head.flowers'],
      ['SERVE', '$KV.headwater-heads.flowers.latest'],
      ['SERVE', 'headwater.ids.flowers.1.abc'],
      ['SERVE', '$JS.API.DIRECT.GET.HEADWATER_SERVED.headwater.served.a.1.b'],
      ['SERVE', '$JS.API.STREAM.MSG.DELETE.HEADWATER_TRAINING'],
      ['SERVE', '$JS.API.CONSUMER.CREATE.HEADWATER_LABELS.join'],
      ['JOIN', '$KV.headwater-heads.flowers.latest'],
      ['JOIN', '$KV.headwater-leases.head.flowers'],
      ['JOIN', '$O.headwater-heads.C.abc'],
      ['JOIN', '$JS.API.DIRECT.GET.OBJ_headwater-heads'],
      ['JOIN', 'headwater.served.flowers.1.abc'],
      ['LEARN', 'headwater.label.flowers'],
      ['LEARN', 'headwater.served.flowers.1.abc'],
      ['LEARN', '$JS.API.CONSUMER.CREATE.HEADWATER_LABELS.join'],
      ['LEARN', '$JS.API.STREAM.MSG.GET.HEADWATER_SERVED'],
      ...(['ALL', 'SERVE', 'JOIN', 'LEARN'] as const).flatMap((user): [ReadyUser, string][] => [
        [user, '$JS.API.STREAM.DELETE.HEADWATER_TRAINING'],
        [user, '$JS.API.STREAM.PURGE.HEADWATER_TRAINING'],
        [user, '$JS.API.STREAM.SNAPSHOT.OBJ_headwater-heads'],
        [user, '$JS.API.STREAM.RESTORE.OBJ_headwater-heads'],
        [user, '$SYS.REQ.SERVER.PING'],
      ]),
    ];
    for (const [user, subject] of publishes) {
      const refused = await (await as(user)).request(subject, '', { timeout: 2_000 }).then(
        () => 'answered',
        (error: NatsError) => error.code,
      );
      assert.equal(refused, 'PERMISSIONS_VIOLATION', `${user} publishes to ${subject}`);
    }
    const subscribes: [ReadyUser, string][] = [
      ['FLOWERS', 'headwater.label.flowers'],
      ['FLOWERS', 'headwater.label.pets'],
      ['FLOWERS', 'headwater.>'],
      ['FLOWERS', '_INBOX.>'],
      ['FLOWERS', '_INBOX_headwater.>'],
      ['FLOWERS', '$KV.>'],
      ['FLOWERS', '>'],
      ['DEAD_LETTERS', 'headwater.label.>'],
      ['DEAD_LETTERS', '_INBOX_headwater.>'],
      ['MONITOR', 'headwater.dead.>'],
      ['MONITOR', '>'],
      ...(['ALL', 'SERVE', 'JOIN', 'LEARN'] as const).flatMap((user): [ReadyUser, string][] => [
        [user, '>'],
        [user, '_INBOX.>'],
        [user, 'headwater.label.>'],
      ]),
    ];
    for (const [user, subject] of subscribes) {
      const connection = await as(user);
      const refused = await new Promise<string>((resolve) => {
        connection.subscribe(subject, { callback: (error) => resolve(error?.code ?? 'heard') });
        void connection.flush().then(() => setTimeout(resolve, 1_000, 'subscribed').unref());
      });
      assert.equal(refused, 'PERMISSIONS_VIOLATION', `${user} subscribes to ${subject}`);
    }
    assert.equal(nats.violations().length, publishes.length + subscribes.length);

    // What is theirs: the state of the streams, and dead letters.
    const monitor = await (await as('MONITOR')).jetstreamManager();
    assert.equal((await monitor.streams.info('HEADWATER_TRAINING')).config.name, 'HEADWATER_TRAINING');
    const reader = await as('DEAD_LETTERS');
    const heard: string[] = [];
    reader.subscribe('headwater.dead.>', { callback: (_, message) => heard.push(message.subject) });
    await reader.flush();
    await (await as('FLOWERS')).jetstream().publish('headwater.label.flowers', '{"id":"nobody","label":"rose"}');
    await until('the dead letter is heard', () => heard.length > 0);
    const { streams } = await reader.jetstreamManager({ checkAPI: false });
    assert.equal((await streams.getMessage('HEADWATER_DEAD', { seq: 1 })).json<{ id: string }>().id, 'nobody');
    assert.deepEqual(system.problems, []);
  });

  it("does not carry JetStream's answers to where a publisher wants them", async (t) => {
    const ends = lastFirst(t);
    const nats = await ReadyNats.start(ends);
    const system = await start(ends, nats, 'ALL', ['serve', 'join', 'learn']);
    const [publisher, insider] = await Promise.all([nats.connect('FLOWERS'), nats.connect('ALL')]);
    ends.after(() => Promise.all([publisher.close(), insider.close()]).then(() => {}));
    const { streams } = await insider.jetstreamManager();
    const filter = { subjects_filter: 'headwater.training.*.*.forged' };
    const forged = async () => Object.keys((await streams.info('HEADWATER_TRAINING', filter)).state.subjects ?? {});
    const send = (connection: NatsConnection, reply: string) =>
      connection.publish('headwater.label.flowers', '{"id":"x","label":"rose"}', { reply });
    for (const reply of [
      'headwater.training.flowers.1.forged',
      '$JS.API.STREAM.DELETE.HEADWATER_DEAD',
      'headwater.label.pets',
    ]) {
      send(publisher, reply);
    }
    await publisher.flush();
    await until('the labels are given up', () => system.deadLetters.length === 3);
    assert.deepEqual(await forged(), []);
    assert.ok(await streams.info('HEADWATER_DEAD'));
    // Why publishers have an account of their own: within one, the answer is an entry of the log.
    send(insider, 'headwater.training.nobody.1.forged');
    await insider.flush();
    await until('the answer is stored', async () => (await forged()).length === 1);
  });
});
