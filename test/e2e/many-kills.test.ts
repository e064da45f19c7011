import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connect, type NatsConnection } from 'nats';
import { classOf, EmbeddingClient, embeddingOf } from '../support/embedding-client.js';
import { lastFirst } from '../support/last-first.js';
import { natsMissing, startTestNats } from '../support/nats.js';
import { patiently } from '../support/patiently.js';
import { seededRandom } from '../support/seeded-random.js';
import { type ServerProcess, startServer } from '../support/server-process.js';
import { storedVersions, undisturbedFold } from '../support/undisturbed-fold.js';
import { until } from '../support/until.js';

const FULL = process.env.HEADWATER_TEST_FULL === '1';
const KILLS = FULL ? 200 : 12;
const WITH_SLEEPERS = 100;
/** At least so many labels with ids of their own, besides the duplicates. */
const LABELS = FULL ? 4_000 : 400;
const MAX_CALM_MS = 1_000;
const MAX_START_MS = 2_000;
/** Past a lease of 2 s, now and then. */
const MAX_SLEEP_MS = 5_000;

test(
  `${KILLS} times kill -9 of learner, server or nats-server at random moments: every accepted id is in the log once, and the head is that log's fold`,
  {
    skip: natsMissing(),
  },
  (t) => survive(t, { disturbances: KILLS, learners: 1, sleep: false }),
);

test(
  `two learners, killed or put to sleep ${WITH_SLEEPERS} times, with the server and nats-server`,
  {
    skip: natsMissing() || (!FULL && 'takes minutes: npm run test:full'),
  },
  (t) => survive(t, { disturbances: WITH_SLEEPERS, learners: 2, sleep: true }),
);

interface Scenario {
  readonly disturbances: number;
  readonly learners: number;
  /** Learners are stopped with SIGSTOP, too, and go on later. */
  readonly sleep: boolean;
}

async function survive(t: TestContext, { disturbances, learners: count, sleep }: Scenario): Promise<void> {
  const ends = lastFirst(t);
  const nats = await startTestNats({ t: ends });
  const common = {
    nats: { url: nats.url },
    labels: { grace: '3s' },
    learn: { lease: '2s' },
    snapshots: { everySamples: 40, interval: '200ms', stateEvery: '1s' },
  };
  const server = await startServer(ends, { ...common, roles: ['serve', 'join'] });
  const teaching = { ...common, roles: ['learn'], backbones: [], heads: [] };
  const learners = await Promise.all(Array.from({ length: count }, () => startServer(ends, teaching)));
  const client = new EmbeddingClient(ends, server.grpc);
  const publisher = await connect({ servers: nats.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  ends.after(() => publisher.close());

  const victims: Victim[] = [
    ...learners.map((learner) => ({ name: 'learner', harm: () => learner.kill9(), revive: () => learner.start() })),
    { name: 'server', harm: () => server.kill9(), revive: () => server.start() },
    { name: 'nats-server', harm: () => nats.kill9(), revive: () => nats.restart() },
    ...(sleep ? learners.map(sleeper) : []),
  ];
  const harmed: Record<string, number> = {};
  const stream = new LabelStream(client, publisher);
  const harming = harmAtRandomMoments(victims, disturbances, harmed);
  await stream.run(harming);
  const names = new Set(victims.map(({ name }) => name));
  assert.deepEqual(new Set(Object.keys(harmed)), names, 'each was harmed');

  const manager = await publisher.jetstreamManager();
  let queues: unknown[] = [];
  const state = () => [queues, ...[server, ...learners].map((each) => each.output())];
  const noneWaits = async () => {
    const names = ['HEADWATER_LABELS', 'HEADWATER_PARKED'];
    const streams = await Promise.all(names.map((name) => manager.streams.info(name)));
    const consumers = await Promise.all(names.map((name) => manager.consumers.list(name).next()));
    queues = [streams.map((each) => each.state), consumers];
    return streams.every((each) => each.state.messages === 0);
  };
  await until('no label waits', noneWaits, { timeoutMs: 180_000, state });
  const truth = await undisturbedFold(publisher, 'pets');
  const newest = async () => (await storedVersions(publisher, 'pets'))[0];
  const allTrained = async () => (await newest())?.samples === truth.ids.length;
  await until('all are trained', allTrained, { timeoutMs: 180_000, state });
  // Whoever teaches the head stores the state of the whole log on its way out.
  for (const learner of learners) assert.equal(await learner.stop(), 0);

  assert.equal(new Set(truth.ids).size, truth.ids.length, 'no id is in the log twice');
  const inLog = new Set(truth.ids);
  const lost = [...stream.accepted].filter((id) => !inLog.has(id));
  if (lost.length > 0) t.diagnostic(await whereabouts(publisher, lost));
  assert.deepEqual(lost, [], 'every accepted id is in the log');
  assert.ok(stream.joined > LABELS / 4, `${stream.joined} answers were recorded`);
  const last = await newest();
  assert.equal(last?.position.sequence, truth.lastSequence, 'the newest version is of the whole log');
  assert.equal(last?.samples, truth.ids.length, 'it learned every sample once');
  assert.equal(last?.modelDigest, truth.modelDigest, 'its weights are those of an undisturbed fold');
  assert.equal(last?.stateDigest, truth.stateDigest, 'and so is its state');
  t.diagnostic(`${truth.ids.length} samples, ${stream.published} labels published, harmed: ${JSON.stringify(harmed)}`);
}

/** What the streams know of ids that are missing, for whoever has to find out. */
async function whereabouts(connection: NatsConnection, lost: readonly string[]): Promise<string> {
  const manager = await connection.jetstreamManager();
  const names = ['HEADWATER_LABELS', 'HEADWATER_PARKED', 'HEADWATER_TRAINING', 'HEADWATER_DEAD'];
  const streams = await Promise.all(names.map((name) => manager.streams.info(name)));
  const states = streams.map(({ config, state }) => `${config.name} ${JSON.stringify(state)}`);
  const { first_seq: first, last_seq: last } = streams[3]!.state;
  const reasons: string[] = [];
  for (let sequence = first; sequence <= last && reasons.length < 20; sequence++) {
    const dead = await manager.streams.getMessage('HEADWATER_DEAD', { seq: sequence }).catch(() => undefined);
    if (dead !== undefined) reasons.push(`${dead.header.get('Headwater-Reason')}: ${dead.string().slice(0, 60)}`);
  }
  return [`lost ${lost.length}, from ${lost[0]} to ${lost.at(-1)}`, ...states, ...reasons].join('\n');
}

/** Labels, some of them twice or again later, in the forms of joins and samples. */
class LabelStream {
  /** Ids that must be in the log. */
  readonly accepted = new Set<string>();
  joined = 0;
  published = 0;
  private readonly random = seededRandom(1);

  constructor(
    private readonly client: EmbeddingClient,
    private readonly publisher: NatsConnection,
  ) {}

  /** At least until then. @throws what `disturbed` throws. */
  async run(disturbed: Promise<void>): Promise<void> {
    let over = false;
    const end = () => {
      over = true;
    };
    disturbed.then(end, end);
    const stream = async () => {
      for (let i = 0; !over || i < LABELS; i++) await this.step(i);
    };
    // When a process does not come back, that is what to tell, and not what the stream makes of it.
    await Promise.all([disturbed, stream()]);
  }

  private async step(i: number): Promise<void> {
    await (i % 2 === 0 ? this.sample(i) : this.join(i));
    // An older one again, which must not count: a sample with another label, or the label of a join.
    if (i % 10 === 8) await this.publish({ ...sampleOf(i - 8), embedding: [...embeddingOf(1)], label: 'late' });
    if (i % 10 === 9) await this.publish({ id: joinId(i - 8), label: classOf(i - 8) });
  }

  private async sample(i: number): Promise<void> {
    const label = sampleOf(i);
    await this.publish(label, this.times());
    this.accepted.add(label.id);
  }

  private async join(i: number): Promise<void> {
    const id = joinId(i);
    const answer = await patiently(() => this.client.predict(id, i));
    await this.publish({ id, label: classOf(i) }, this.times());
    // What was answered without a record may end as a dead letter: the answer said so.
    if (!answer.parameters.recorded?.boolParam) return;
    this.accepted.add(id);
    this.joined += 1;
  }

  private times(): number {
    return this.random() < 0.2 ? 2 : 1;
  }

  /** Until it is acknowledged. */
  private async publish(label: object, times = 1): Promise<void> {
    const text = JSON.stringify(label);
    const store = () => this.publisher.jetstream().publish('headwater.label.pets', text, { timeout: 1_000 });
    for (let i = 0; i < times; i++) await patiently(store);
    this.published += times;
  }
}

function sampleOf(i: number) {
  return { id: `sample ${i}/*>`, embedding: [...embeddingOf(i)], label: classOf(i) };
}

function joinId(i: number): string {
  return `join ${i}/*>`;
}

interface Victim {
  readonly name: string;
  harm(): Promise<void>;
  /** Resolves when it works again. */
  revive(): Promise<void>;
}

/** Sleeps, and goes on as if nothing had been. */
function sleeper(learner: ServerProcess): Victim {
  const signal = (name: NodeJS.Signals) => {
    try {
      process.kill(learner.pid, name);
    } catch {
      // It was killed, and has no successor yet.
    }
  };
  const random = seededRandom(learner.pid);
  return {
    name: 'sleeper',
    harm: async () => {
      signal('SIGSTOP');
      await delay(random() * MAX_SLEEP_MS);
    },
    revive: async () => signal('SIGCONT'),
  };
}

/** Counts in `harmed`; every process lives when it resolves. */
async function harmAtRandomMoments(
  victims: readonly Victim[],
  times: number,
  harmed: Record<string, number>,
): Promise<void> {
  const random = seededRandom(20261123);
  const harm = async ({ name, harm: now }: Victim) => {
    await now();
    harmed[name] = (harmed[name] ?? 0) + 1;
  };
  const count = () => Object.values(harmed).reduce((sum, each) => sum + each, 0);
  while (count() < times) {
    await delay(random() * MAX_CALM_MS);
    // Now and then two at once: a server is ready again only when NATS is.
    const doomed = shuffled(victims, random).slice(0, random() < 0.25 ? 2 : 1);
    await Promise.all(doomed.map(harm));
    await delay(random() * 200);
    let reviving = Promise.all(doomed.map(({ revive }) => revive()));
    // Now and then again, mostly while they are starting.
    if (random() < 0.25) {
      const begun = reviving.catch(() => {});
      await Promise.race([begun, delay(random() * MAX_START_MS)]);
      await Promise.all(doomed.map(harm));
      await begun;
      reviving = Promise.all(doomed.map(({ revive }) => revive()));
    }
    await reviving;
  }
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const keyed = items.map((item) => ({ item, key: random() }));
  return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
}
