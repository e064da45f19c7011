import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { Health } from '../../../../src/server/grpc/health.js';

function watcher(service: string, peer: string) {
  const written: string[] = [];
  const call = Object.assign(new EventEmitter(), {
    request: { service },
    written,
    ended: undefined as unknown,
    getPeer: () => `${peer}:1234`,
    write: ({ status }: { status: string }) => written.push(status),
  });
  call.on('error', (error) => {
    call.ended = error;
  });
  return call;
}

type Watch = Parameters<Health['handlers']['watch']>[0];

test('watchers are told of changes, those of unknown names that they are unknown', () => {
  const health = new Health();
  const [known, unknown] = [watcher('', 'a'), watcher('x', 'a')];
  for (const call of [known, unknown]) health.handlers.watch(call as unknown as Watch);
  health.setServing(true);
  health.setServing(true);
  known.emit('cancelled');
  health.setServing(false);
  assert.deepEqual(known.written, ['NOT_SERVING', 'SERVING']);
  assert.deepEqual(unknown.written, ['SERVICE_UNKNOWN']);
});

test('too many watchers: the address with most of them loses its oldest', () => {
  const health = new Health(3);
  const greedy = [1, 2, 3, 4].map(() => watcher('', 'greedy'));
  const modest = watcher('', 'modest');
  for (const call of [greedy[0], modest, ...greedy.slice(1)]) health.handlers.watch(call as unknown as Watch);
  assert.deepEqual(
    greedy.map(({ ended }) => (ended as { code?: number } | undefined)?.code),
    [8, 8, undefined, undefined],
  );
  assert.equal(modest.ended, undefined);
  health.setServing(true);
  assert.deepEqual(greedy[0]?.written, ['NOT_SERVING']);
  assert.deepEqual(modest.written, ['NOT_SERVING', 'SERVING']);
});
