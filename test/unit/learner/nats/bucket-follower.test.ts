import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { KV, KvEntry } from 'nats';
import type { NatsLink } from '../../../../src/learner/nats/connection/connection.js';
import { BucketFollower } from '../../../../src/learner/nats/stores/bucket-follower.js';
import { until } from '../../../support/until.js';

class FakeWatch implements AsyncIterable<KvEntry> {
  stopped = false;
  private readonly waiting: KvEntry[] = [];
  private ended: Error | 'ended' | undefined;
  private wake: () => void = () => {};

  push(revision: number): void {
    this.waiting.push({ key: `key${revision}`, revision } as KvEntry);
    this.wake();
  }

  end(how: Error | 'ended'): void {
    this.ended = how;
    this.wake();
  }

  stop(): void {
    this.stopped = true;
    this.end('ended');
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<KvEntry> {
    for (;;) {
      while (this.waiting.length > 0) yield this.waiting.shift() as KvEntry;
      if (this.ended instanceof Error) throw this.ended;
      if (this.ended) return;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }
}

/** A bucket whose watches the test plays, and a follower of it. */
function setUp(t: TestContext) {
  const bucket = { newest: 0, refused: 0, asked: 0, mute: false };
  const watches: FakeWatch[] = [];
  const statuses = new Set<(up: boolean) => void>();
  const heard: number[] = [];
  const problems: string[] = [];
  let loaded = 0;
  const kv = {
    watch: async ({ initializedFn }: { initializedFn: () => void }) => {
      if (bucket.refused-- > 0) throw new Error('no leader');
      const watch = new FakeWatch();
      watches.push(watch);
      if (bucket.newest > 0 && !bucket.mute) watch.push(bucket.newest);
      initializedFn();
      return watch;
    },
  } as unknown as KV;
  const streams = {
    info: async () => {
      bucket.asked += 1;
      return { state: { last_seq: bucket.newest } };
    },
  };
  const link = {
    connected: true,
    manager: async () => ({ streams }),
    onStatus: (listener: (up: boolean) => void) => {
      statuses.add(listener);
      return () => statuses.delete(listener);
    },
  } as unknown as NatsLink;
  const follower = new BucketFollower({
    link,
    kv,
    bucket: 'b',
    onEntry: ({ revision }) => {
      if (revision === 666) throw new Error('not ours');
      heard.push(revision);
    },
    onLoaded: () => {
      loaded += 1;
    },
    onTrouble: (problem) => problems.push(problem),
    paces: { retryMs: 10, lookMs: 20 },
  });
  t.after(() => follower.stop());
  const reconnect = () => {
    for (const listener of statuses) listener(true);
  };
  return { bucket, watches, heard, problems, follower, reconnect, loaded: () => loaded };
}

test('a watch that can not be begun after a reconnect is tried again, and the old one goes on meanwhile', async (t) => {
  const { bucket, watches, heard, problems, follower, reconnect, loaded } = setUp(t);
  await follower.start();
  await until('it is loaded', () => loaded() === 1);
  bucket.refused = 3;
  reconnect();
  await until('it was refused', () => bucket.refused < 3);
  watches[0]?.push(5);
  await until('the old watch is heard', () => heard.includes(5));
  bucket.newest = 7;
  await until('a new one was begun', () => heard.includes(7) && loaded() === 2);
  assert.equal(watches[0]?.stopped, true);
  assert.equal(problems.length, 1, 'told once, however often it is tried');
});

test('a watch that ends by itself is begun anew, and a bad entry ends none', async (t) => {
  const { bucket, watches, heard, problems, follower } = setUp(t);
  await follower.start();
  watches[0]?.push(666);
  watches[0]?.push(3);
  await until('what comes after a bad entry is heard', () => heard.includes(3));
  assert.deepEqual(problems, ['not ours']);
  bucket.newest = 4;
  watches[0]?.end(new Error('the consumer is gone'));
  await until('all is told anew', () => heard.includes(4));
  bucket.newest = 5;
  watches[1]?.end('ended');
  await until('and again', () => heard.includes(5));
});

test('a watch that has fallen silent is noticed', async (t) => {
  const { bucket, watches, heard, follower } = setUp(t);
  await follower.start();
  bucket.newest = 9;
  await until('another watch brings what it did not', () => heard.includes(9));
  assert.equal(watches.length, 2);
  assert.equal(watches[0]?.stopped, true);
});

test('an entry that was removed from the bucket is not looked for without end', async (t) => {
  const { bucket, watches, follower } = setUp(t);
  await follower.start();
  bucket.newest = 9;
  bucket.mute = true;
  // It resolves although 9 never comes.
  await follower.upToNow();
  const { length } = watches;
  const { asked } = bucket;
  await until('it has looked some more times', () => bucket.asked > asked + 4);
  assert.equal(watches.length, length, 'and begun no further watch');
});

test('upToNow waits for what was written before, and asks once for all', async (t) => {
  const { bucket, watches, follower } = setUp(t);
  await follower.start();
  bucket.newest = 2;
  let done = 0;
  const asked = bucket.asked;
  const calls = Array.from({ length: 20 }, () => follower.upToNow().then(() => done++));
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(done, 0);
  watches[0]?.push(2);
  await Promise.all(calls);
  assert.ok(bucket.asked - asked <= 3, `${bucket.asked - asked} questions`);
});
