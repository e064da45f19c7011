import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from 'nats';
import { natsMissing, startTestNatsCluster } from '../support/nats.js';
import { until } from '../support/until.js';

test('three nats-servers form a cluster that outlasts the death of each', { skip: natsMissing() }, async (t) => {
  const nodes = await startTestNatsCluster(t);
  const connection = await connect({ servers: nodes.map(({ url }) => url), maxReconnectAttempts: -1 });
  t.after(() => connection.close());
  const manager = await connection.jetstreamManager();
  await manager.streams.add({ name: 'three', subjects: ['three'], num_replicas: 3 });
  let published = 0;
  for (const node of nodes) {
    await node.kill9();
    const publish = () =>
      connection
        .jetstream()
        .publish('three', String(published), { timeout: 1_000 })
        .then(
          () => true,
          () => false,
        );
    await until('the two that are left take a message', publish);
    published += 1;
    await node.restart();
    const whole = async () => {
      const info = await manager.streams.info('three').catch(() => undefined);
      const current = info?.cluster?.replicas?.filter((replica) => replica.current).length;
      return current === 2;
    };
    await until('the third one has caught up', whole);
  }
  const info = await manager.streams.info('three');
  assert.ok(info.state.messages >= published, `${info.state.messages} messages after ${published} acknowledged`);
});
