import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AnswerProgress } from '../../../../../src/server/grpc/transport/answer-progress.js';
import { Progress } from '../../../../../src/server/grpc/transport/progress.js';

const MiB = 2 ** 20;

test('what came fast at first buys no time', () => {
  const progress = new Progress(0);
  progress.add(60 * MiB, 100);
  assert.equal(progress.stalled(30_000, 29_000), false);
  assert.equal(progress.stalled(30_000, 30_000), false, 'it moved in this time');
  assert.equal(progress.stalled(30_000, 61_000), true);
  assert.equal(progress.idleMs(61_000), 60_900);
});

test('who is slow but not too slow is never stalled', () => {
  const progress = new Progress(0);
  for (let now = 1000; now < 3_600_000; now += 1000) {
    progress.add(17 * 1024, now);
    assert.equal(progress.stalled(30_000, now), false);
  }
});

test('who is too slow is stalled, but not for the time that was nobody else to blame', () => {
  const progress = new Progress(0);
  progress.restart(30_000);
  progress.add(1000, 40_000);
  assert.equal(progress.stalled(30_000, 59_000), false);
  assert.equal(progress.stalled(30_000, 60_000), true);
});

test('an answer of which nothing is taken is stalled, however large it is', () => {
  const socket = { bytesWritten: 0 };
  const answer = new AnswerProgress(60 * MiB, { session: { socket } } as unknown as ConstructorParameters<
    typeof AnswerProgress
  >[1]);
  const begin = performance.now();
  socket.bytesWritten += 2 * MiB;
  assert.equal(answer.stalled(30_000, begin + 31_000), false);
  assert.equal(answer.stalled(30_000, begin + 62_000), true);
});
