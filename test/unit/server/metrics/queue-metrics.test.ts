import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { Batcher } from '../../../../src/server/batching/batcher.js';
import { addQueueMetrics } from '../../../../src/server/metrics/queue-metrics.js';
import { FakeBackbone } from '../../../support/fake-backbone.js';

test('what waits, what was refused and dropped is read from the queues; a backbone that is gone leaves no series', async () => {
  const backbone = new FakeBackbone({ manual: true });
  const batcher = new Batcher(backbone, { size: 4, waitMs: 0, queueLimit: 3, queueBytes: 1000 });
  const batchers = new Map([['tiny', batcher]]);
  const registry = new Registry();
  addQueueMetrics(registry, () => batchers);
  const lines = async () => new Set((await registry.metrics()).split('\n'));

  const ask = { images: 1, bytes: 50, client: 'a', priority: 'inference' } as const;
  const aborting = new AbortController();
  const image = () => ({ kind: 'pixels' as const, count: 1, data: new Uint8Array(48) });
  const running = batcher.admit(ask).submit(image());
  const waiting = batcher.admit({ ...ask, signal: aborting.signal }).submit(image());
  const learning = batcher.admit({ ...ask, client: 'labels', priority: 'learning' });
  batcher.admit(ask);
  assert.throws(() => batcher.admit(ask), { code: 'queue_full' });
  const before = await lines();
  for (const line of [
    'headwater_queue_depth{backbone="tiny"} 3',
    'headwater_queue_limit{backbone="tiny"} 3',
    'headwater_queue_bytes{backbone="tiny"} 150',
    'headwater_queue_bytes_limit{backbone="tiny"} 1000',
    'headwater_queue_priority_depth{backbone="tiny",priority="inference"} 2',
    'headwater_queue_priority_depth{backbone="tiny",priority="learning"} 1',
    'headwater_queue_refused_total{backbone="tiny",reason="images"} 1',
    'headwater_queue_refused_total{backbone="tiny",reason="deadline"} 0',
  ])
    assert.ok(before.has(line), line);

  learning.release();
  aborting.abort();
  await assert.rejects(waiting, { code: 'cancelled' });
  await backbone.finish();
  await running;
  const after = await lines();
  assert.ok(after.has('headwater_queue_dropped_total{backbone="tiny",reason="cancelled"} 1'));
  assert.ok(after.has('headwater_engine_seconds_total{backbone="tiny",priority="inference"} 0.00001'));

  batchers.clear();
  assert.doesNotMatch(await registry.metrics(), /tiny/);
});
