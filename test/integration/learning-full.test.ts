import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'nats';
import { isNoResponders } from '../../src/learner/nats/connection/connection.js';
import { lastFirst } from '../support/last-first.js';
import { natsMissing, startTestNats } from '../support/nats.js';
import { embeddingOf, startTestLearning } from '../support/test-learning.js';
import { undisturbedFold } from '../support/undisturbed-fold.js';
import { until } from '../support/until.js';

const options = { skip: natsMissing() };
const KiB = 1_024;
const classes = ['cat', 'dog', 'emu'];
/** Ids have these lengths, so that labels of many sizes come. */
const ID_LENGTHS = [1, 7, 20, 33, 60, 90, 130, 170, 220, 250];

function nats(url: string, streams: { labels: number; training: number }) {
  const others = { served: 1 << 20, embed: 1 << 20, dead: 1 << 20 };
  return { url, replicas: 1, serverBinary: null, streams: { ...others, ...streams } };
}

async function setUp(t: TestContext) {
  const ends = lastFirst(t);
  const server = await startTestNats({ t: ends });
  const client = await connect({ servers: server.url });
  ends.after(() => client.close());
  const manager = await client.jetstreamManager();
  return { ends, server, client, manager };
}

test(
  'a full label stream refuses labels of any size, whoever publishes them, and every one that it took is learned',
  options,
  async (t) => {
    const { ends, server, client, manager } = await setUp(t);
    // A training log that is full soon: then labels stay where they are.
    const narrow = nats(server.url, { labels: 200 * KiB, training: 40 * KiB });
    const first = await startTestLearning(ends, server.url, { nats: narrow });
    const accepted = new Set<string>();
    let refused = 0;
    let number = 0;
    const publish = async (idLength: number) => {
      while (refused < 300) {
        const index = number++;
        const id = `${index}`.padEnd(idLength, '-');
        const label = { id, embedding: [...embeddingOf(index % 3, index)], label: classes[index % 3] };
        try {
          await client.jetstream().publish('headwater.label.pets', JSON.stringify(label));
          accepted.add(id);
        } catch (error) {
          assert.ok(isNoResponders(error), String(error));
          refused += 1;
          await delay(20);
        }
      }
    };
    await Promise.all(ID_LENGTHS.map(publish));
    const { state, config } = await manager.streams.info('HEADWATER_LABELS');
    assert.ok(state.bytes >= 200 * KiB, `${state.bytes} bytes`);
    assert.ok(config.max_bytes < 0);
    const told = { code: 'labels_full', message: /the label stream is full/ };
    const one = [{ id: 'x', label: 'cat', embedding: [...embeddingOf(0, 1)] }];
    await assert.rejects(first.learning.publishLabels('pets', one), told);
    assert.ok(
      first.problems.some((line) => line.includes('new ones are refused')),
      first.problems.join('\n'),
    );
    await first.learning.close();
    await assert.rejects(client.jetstream().publish('headwater.label.pets', '{}'), isNoResponders);

    const wide = nats(server.url, { labels: 200 * KiB, training: 64 * KiB * KiB });
    const second = await startTestLearning(ends, server.url, { nats: wide });
    await second.trained(accepted.size);
    const { ids } = await undisturbedFold(client, 'pets');
    assert.deepEqual(ids.toSorted(), [...accepted].toSorted(), 'each is in the log, once');
    const open = () => second.learning.publishLabels('pets', one).then(Boolean, () => false);
    await until('labels are taken again', open);
    await second.trained(accepted.size + 1);
  },
);

test('a full stream of images takes no more of them than its limit, and gives up none', options, async (t) => {
  const { ends, server, client, manager } = await setUp(t);
  const streams = nats(server.url, { labels: 64 << 20, training: 64 << 20 });
  // Nobody embeds them.
  const system = await startTestLearning(ends, server.url, { nats: streams });
  const messages = async (stream: string) => (await manager.streams.info(stream)).state;
  const images = Array.from({ length: 40 }, (_, i) => ({ id: `i${i}`, label: 'cat', image: new Uint8Array(60_000) }));
  await system.learning.publishLabels('pets', images);
  await until('the stream of images is full', async () => (await messages('HEADWATER_EMBED')).bytes > 900_000);
  await delay(1_500);
  const [labels, embed] = [await messages('HEADWATER_LABELS'), await messages('HEADWATER_EMBED')];
  assert.ok(embed.bytes <= 1 << 20, `${embed.bytes} bytes`);
  assert.equal(labels.messages + embed.messages, 40);
  const consumer = await manager.consumers.add('HEADWATER_EMBED', {
    durable_name: 'test',
    ack_policy: 'explicit' as never,
  });
  const taken = await client.jetstream().consumers.get('HEADWATER_EMBED', consumer.name);
  let count = 0;
  for await (const message of await taken.consume()) {
    await message.ackAck();
    count += 1;
    if (count === 40) break;
  }
});
