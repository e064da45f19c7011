import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from 'nats';
import { lastFirst } from '../support/last-first.js';
import { natsMissing, startTestNatsCluster } from '../support/nats.js';
import { patiently } from '../support/patiently.js';
import { embeddingOf, headRequest, startTestLearning } from '../support/test-learning.js';
import { storedVersions } from '../support/undisturbed-fold.js';
import { until } from '../support/until.js';

const classes = ['cat', 'dog', 'emu'];

test('when all nodes of a cluster die and come back, every process hears again of what the others do', {
  skip: natsMissing(),
}, async (t) => {
  const ends = lastFirst(t);
  const nodes = await startTestNatsCluster(ends);
  const url = nodes.map((node) => node.url);
  const nats = {
    url,
    replicas: 3,
    serverBinary: null,
    streams: { labels: 1e8, served: 1e8, training: 1e8, embed: 1e8, dead: 1e8 },
  };
  const start = (roles: ('serve' | 'join' | 'learn')[]) =>
    startTestLearning(ends, null, { nats, roles, heads: roles.includes('learn') ? [headRequest()] : [] });
  const learner = await start(['learn']);
  const joiner = await start(['join']);
  const replicas = [await start(['serve']), await start(['serve'])] as const;
  const [front] = replicas;
  const client = await connect({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  ends.after(() => client.close());

  let next = 0;
  const publish = async (count: number) => {
    const labels = Array.from({ length: count }, () => {
      const i = next++;
      return { id: `c${i}`, label: classes[i % 3] as string, embedding: [...embeddingOf(i % 3, i)] };
    });
    await patiently(() => front.learning.publishLabels('pets', labels));
  };
  /** All that was published for the head is in its newest version, which every replica serves. */
  const everywhere = async (samples: number) => {
    const all = [learner, joiner, ...replicas];
    const state = () => ({
      known: all.map((each) => each.learning.heads.status('pets')?.latestVersion),
      problems: all.map(({ problems }) => problems),
    });
    const reached = async () => {
      const [newest] = await storedVersions(client, 'pets').catch(() => []);
      if (newest?.samples !== samples) return false;
      const serve = replicas.every((each) => each.learning.heads.status('pets')?.servingVersion === newest.version);
      return serve && all.every((each) => each.learning.heads.status('pets')?.latestVersion === newest.version);
    };
    await until(`a version of ${samples} samples is everywhere`, reached, { timeoutMs: 90_000, state });
  };
  await publish(30);
  await everywhere(30);

  await Promise.all(nodes.map((node) => node.kill9()));
  // Two form a cluster that elects its leaders while clients are there already.
  const [first, ...others] = nodes.map((node) => node.restart());
  await Promise.all([first, ...others]);
  await publish(30);
  await everywhere(60);

  // What the joiner hears of as well: a label goes to the head that there is, not to the one that there was.
  const version = front.learning.heads.status('pets')?.latestVersion ?? 0;
  await patiently(() => front.learning.heads.delete('pets', version));
  await patiently(() => front.learning.heads.create(headRequest()));
  await publish(12);
  await everywhere(12);
  assert.equal(learner.status().definition.generation, 2);
  assert.deepEqual(joiner.deadLetters, []);
});
