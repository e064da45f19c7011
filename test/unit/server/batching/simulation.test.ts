import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Priority } from '../../../../src/server/batching/admission.js';
import { Batcher, type BatcherOptions } from '../../../../src/server/batching/batcher.js';
import { StatusError } from '../../../../src/server/errors.js';
import { numbered, SimulatedBackbone, SimulatedClock, seeded } from './simulation.js';

const IMAGE_BYTES = 12;

function service(options: Partial<BatcherOptions> = {}, batchMs = 2, imageMs = 5) {
  const clock = new SimulatedClock();
  const backbone = new SimulatedBackbone(clock, batchMs, imageMs);
  const batcher = new Batcher(backbone, { size: 8, waitMs: 0, queueLimit: 64, clock, ...options });
  return { clock, backbone, batcher };
}

interface Sent {
  readonly client: string;
  readonly priority: Priority;
  readonly first: number;
  readonly count: number;
  readonly sentAt: number;
  readonly deadline: number;
  /** ok, or the error's code. */
  outcome: string | undefined;
  endedAt: number;
  cancelledAt: number;
}

/** Sends requests to one batcher and writes down what became of each. */
class Senders {
  readonly sent: Sent[] = [];
  private next = 1;

  constructor(
    private readonly clock: SimulatedClock,
    private readonly batcher: Batcher,
  ) {}

  async send(
    client: string,
    count: number,
    options: { priority?: Priority; timeoutMs?: number; cancelMs?: number; decodeMs?: number } = {},
  ): Promise<Sent> {
    const { clock, batcher } = this;
    const { priority = 'inference', timeoutMs = Number.POSITIVE_INFINITY, cancelMs, decodeMs = 0 } = options;
    const first = this.next;
    this.next += count;
    const sent: Sent = {
      ...{ client, priority, first, count, sentAt: clock.time, deadline: clock.time + timeoutMs },
      ...{ outcome: undefined, endedAt: 0, cancelledAt: Number.POSITIVE_INFINITY },
    };
    this.sent.push(sent);
    const aborting = new AbortController();
    if (cancelMs !== undefined) {
      clock.after(cancelMs, () => {
        sent.cancelledAt = clock.time;
        aborting.abort();
      });
    }
    const deadlineMs = timeoutMs === Number.POSITIVE_INFINITY ? undefined : clock.unix() + timeoutMs;
    try {
      const bytes = count * IMAGE_BYTES;
      const permit = batcher.admit({ images: count, bytes, client, priority, deadlineMs, signal: aborting.signal });
      if (decodeMs > 0) await clock.sleep(decodeMs);
      const { embeddings, queueMs } = await permit.submit(numbered(first, count));
      assert.ok(queueMs >= 0);
      assert.deepEqual(
        Array.from(embeddings),
        Array.from({ length: count }, (_, index) => first + index),
        'rows are in order, and its own',
      );
      sent.outcome = 'ok';
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      sent.outcome = error.code;
    }
    sent.endedAt = clock.time;
    return sent;
  }

  images(client: string): number {
    return this.sent
      .filter((each) => each.client === client && each.outcome === 'ok')
      .reduce((sum, { count }) => sum + count, 0);
  }
}

for (const seed of [1, 2, 3, 4]) {
  test(`random requests, sizes, deadlines and cancellations: nothing lost, nothing run twice (seed ${seed})`, async () => {
    const random = seeded(seed);
    const pick = (most: number) => Math.floor(random() * most);
    const limits = { queueLimit: 60, queueBytes: 60 * IMAGE_BYTES * 0.9, clientShare: 0.5, learningShare: 0.2 };
    const { clock, backbone, batcher } = service(limits);
    // A machine that others use too: a third more or less, and now and then it stalls.
    backbone.slowness = () => (random() < 0.01 ? 10 : 0.7 + 0.6 * random());
    const senders = new Senders(clock, batcher);
    const done: Promise<Sent>[] = [];
    for (let index = 0; index < 1500; index++) {
      // Three loads in turn: idle, about full, far too much.
      const meanGapMs = [60, 18, 4][Math.floor(index / 100) % 3]!;
      const learning = random() < 0.2;
      done.push(
        senders.send(learning ? 'labels' : `client ${pick(6)}`, 1 + (random() < 0.1 ? pick(24) : pick(4)), {
          priority: learning ? 'learning' : 'inference',
          ...(random() < 0.5 ? { timeoutMs: 5 + pick(400) } : {}),
          ...(random() < 0.1 ? { cancelMs: pick(200) } : {}),
          ...(random() < 0.3 ? { decodeMs: 1 + pick(20) } : {}),
        }),
      );
      assert.ok(batcher.depth <= batcher.limit && batcher.depth >= 0);
      assert.ok(batcher.bytes <= batcher.bytesLimit && batcher.bytes >= 0);
      await clock.pass(-Math.log(1 - random()) * meanGapMs);
    }
    await clock.pass(60_000);
    const outcomes = await Promise.all(done);

    const ran = backbone.batches.flatMap(({ images }) => images);
    assert.equal(new Set(ran).size, ran.length, 'no image ran twice');
    const runs = new Set(ran);
    for (const { first, count, outcome, deadline, endedAt, cancelledAt } of outcomes) {
      const ids = Array.from({ length: count }, (_, index) => first + index);
      if (outcome === 'ok') assert.ok(ids.every((id) => runs.has(id)));
      if (outcome === 'queue_full') assert.ok(ids.every((id) => !runs.has(id)));
      // Told at the deadline, and not when its turn comes; not before it but when it can't be met.
      if (outcome === 'deadline_exceeded') assert.ok(endedAt <= deadline + 25, `${endedAt} > ${deadline}`);
      if (outcome === 'cancelled') assert.ok(endedAt <= cancelledAt + 25);
    }
    for (const { images } of backbone.batches) assert.ok(images.length <= 8);
    const seen = new Set(outcomes.map(({ outcome }) => outcome));
    assert.deepEqual([...seen].sort(), ['cancelled', 'deadline_exceeded', 'message_too_large', 'ok', 'queue_full']);
    assert.ok(backbone.mostWaiting <= 2, 'one batch runs, one waits');
    assert.deepEqual([batcher.depth, batcher.bytes, clock.armed <= 1], [0, 0, true]);

    const { images, requests, refused, dropped, batches } = batcher.counts;
    assert.equal(images.inference + images.learning, ran.length);
    assert.equal(batches, backbone.batches.length);
    const answered = outcomes.filter(({ outcome }) => outcome === 'ok').length;
    assert.equal(requests.inference + requests.learning, answered);
    const sum = (counts: Readonly<Record<string, number>>) => Object.values(counts).reduce((a, b) => a + b, 0);
    assert.equal(answered + sum(refused) + sum(dropped), outcomes.length, 'every request is counted once');
  });
}

/** A client that sends one request after the other, `parallel` at a time; it comes back a moment after a refusal. */
function keepSending(
  { clock, senders }: { clock: SimulatedClock; senders: Senders },
  client: string,
  count: number,
  parallel: number,
  endMs: number,
  priority: Priority = 'inference',
): void {
  const loop = async () => {
    while (clock.time < endMs) {
      const { outcome } = await senders.send(client, count, { priority });
      if (outcome !== 'ok') await clock.sleep(100);
    }
  };
  for (let index = 0; index < parallel; index++) void loop();
}

test('clients that always have something to send get equal parts, whatever the sizes of their requests', async () => {
  const { clock, backbone, batcher } = service({ queueLimit: 128, clientShare: 0.5 });
  const senders = new Senders(clock, batcher);
  keepSending({ clock, senders }, 'many small', 1, 60, 10_000);
  keepSending({ clock, senders }, 'few large', 20, 3, 10_000);
  keepSending({ clock, senders }, 'middle', 5, 8, 10_000);
  await clock.pass(11_000);
  const parts = ['many small', 'few large', 'middle'].map((client) => senders.images(client));
  const all = parts.reduce((a, b) => a + b, 0);
  for (const part of parts) assert.ok(Math.abs(part / all - 1 / 3) < 0.02, `${parts}`);
  assert.ok(backbone.idleMs < 100, `idle ${backbone.idleMs}`);
});

test('one who sends little waits no longer for another who sends much', async () => {
  const { clock, batcher } = service({ queueLimit: 256, clientShare: 0.5 });
  const senders = new Senders(clock, batcher);
  keepSending({ clock, senders }, 'flood', 1, 300, 5_000);
  const times: number[] = [];
  for (let index = 0; index < 20; index++) {
    await clock.pass(200 + index);
    void senders.send('light', 1).then(({ outcome, sentAt, endedAt }) => {
      assert.equal(outcome, 'ok', 'room is left for who comes');
      times.push(endedAt - sentAt);
    });
  }
  await clock.pass(2_000);
  assert.equal(times.length, 20);
  // A batch of 8 takes 42 ms: at worst two are with the engine, and it is part of the third.
  assert.ok(Math.max(...times) <= 3 * 42 + 1, `${Math.max(...times)}`);
});

test('one client alone gets all of the engine', async () => {
  const { clock, backbone, batcher } = service({ queueLimit: 64, clientShare: 0.5, learningShare: 0.1 });
  const senders = new Senders(clock, batcher);
  keepSending({ clock, senders }, 'only', 1, 60, 5_000);
  await clock.pass(5_000);
  const capacity = 5_000 / (2 + 8 * 5);
  // The first one is small, the last two are with the engine.
  assert.ok(backbone.batches.length <= capacity + 3, `${backbone.batches.length}`);
  assert.ok(senders.images('only') > 0.95 * capacity * 8, `${senders.images('only')}`);
});

for (const share of [0, 0.1, 0.5]) {
  test(`beside more inference than the engine can do, learning gets ${share} of its time`, async () => {
    const { clock, batcher } = service({ learningShare: share, queueLimit: 100 });
    const senders = new Senders(clock, batcher);
    keepSending({ clock, senders }, 'a', 1, 40, 10_000);
    keepSending({ clock, senders }, 'b', 3, 20, 10_000);
    keepSending({ clock, senders }, 'labels', 1, 30, 10_000, 'learning');
    await clock.pass(10_000);
    const { computeNs } = batcher.counts;
    const part = computeNs.learning / (computeNs.learning + computeNs.inference);
    assert.ok(Math.abs(part - share) < 0.02, `${part}`);
  });
}

test('learning takes what inference leaves, and inference hardly notices', async () => {
  const run = async (withLearning: boolean) => {
    const { clock, backbone, batcher } = service({ learningShare: 0.1, queueLimit: 200 });
    const senders = new Senders(clock, batcher);
    const random = seeded(5);
    if (withLearning) keepSending({ clock, senders }, 'labels', 1, 32, 20_000, 'learning');
    const times: number[] = [];
    while (clock.time < 20_000) {
      void senders.send('a', 1).then(({ sentAt, endedAt }) => times.push(endedAt - sentAt));
      await clock.pass(-Math.log(1 - random()) * 10);
    }
    await clock.pass(1_000);
    times.sort((a, b) => a - b);
    const { computeNs } = batcher.counts;
    const idle = backbone.idleMs / 20_000;
    return { p99: times[Math.floor(times.length * 0.99)]!, learning: computeNs.learning / 20e9, idle };
  };
  const [alone, both] = [await run(false), await run(true)];
  assert.ok(both.learning > 0.8 * alone.idle, `learning ${both.learning}, idle was ${alone.idle}`);
  assert.ok(both.p99 < 1.3 * alone.p99, `${both.p99} against ${alone.p99}`);
});

test('far too many requests with deadlines: what is run is answered in time, and the engine stays busy', async () => {
  const { clock, backbone, batcher } = service({ queueLimit: 200, clientShare: 0.5, learningShare: 0.1 });
  const senders = new Senders(clock, batcher);
  const random = seeded(9);
  while (clock.time < 10_000) {
    void senders.send(`client ${Math.floor(random() * 10)}`, 1, { timeoutMs: 150 });
    await clock.pass(-Math.log(1 - random()) * 1.75);
  }
  await clock.pass(1_000);
  const ran = backbone.batches.flatMap(({ images }) => images).length;
  const good = senders.sent.filter(({ outcome, endedAt, deadline }) => outcome === 'ok' && endedAt <= deadline).length;
  const capacity = (10_000 / 42) * 8;
  assert.ok(good > 0.97 * capacity, `${good} of ${capacity}`);
  assert.ok(good > 0.99 * ran, `${good} of ${ran} that ran were in time`);
  const late = senders.sent.filter(({ outcome, endedAt, sentAt }) => outcome !== 'ok' && endedAt > sentAt).length;
  assert.ok(late < 0.1 * senders.sent.length, `${late} waited in vain, the others were told at once`);
});
