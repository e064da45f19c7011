import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { addEventLoopMetric } from '../../../../src/server/metrics/event-loop.js';

const BLOCKED_MS = 80;

test('a blocked event loop counts for as long as it was blocked', async () => {
  const registry = new Registry();
  addEventLoopMetric(registry);
  await new Promise((resolve) => setTimeout(resolve, 30));
  for (const start = performance.now(); performance.now() - start < BLOCKED_MS; );
  await new Promise((resolve) => setTimeout(resolve, 30));
  const text = await registry.metrics();
  const below = (bound: string) =>
    Number(new RegExp(`^headwater_event_loop_delay_seconds_bucket\\{le="${bound}"\\} (\\d+)$`, 'm').exec(text)?.[1]);
  const late = below('\\+Inf') - below('0.01');
  // One timer would have come every 10 ms: that it came once, 80 ms late, stands for all those.
  assert.ok(late >= 4, text);
});
