import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type CompactorOptions, type HeadToCompact, LogCompactor } from '../../src/learner/heads/upkeep/compaction.js';
import type { CompactionRecord } from '../../src/learner/nats/stores/head-store.js';
import { StreamFollower } from '../../src/learner/nats/streams/stream-follower.js';
import { replayHead } from '../../src/learner/replay/replay-head.js';
import { type HeadVersion, LearnerError } from '../../src/learner/types.js';
import { natsMissing, startTestNats } from '../support/nats.js';
import { embeddingOf, startTestLearning } from '../support/test-learning.js';
import { STREAM_CREATED, TestLog, type TestLogOptions, testDefinition } from '../support/test-log.js';
import { until } from '../support/until.js';

const skip = natsMissing();
const FENCE_MS = 200;
const pets = testDefinition();
const other = testDefinition('other');

interface Compacting {
  readonly log: TestLog;
  readonly versions: HeadVersion[];
  readonly told: string[];
  readonly head: HeadToCompact;
  /** A compactor as another process has it. */
  compactor(change?: Partial<CompactorOptions>): LogCompactor;
  /** Calls it, as a learner does now and then, until everything up to the last version but one is removed. */
  untilRemoved(compactor?: LogCompactor): Promise<CompactionRecord>;
}

/** 60 labels and an act among another head's, with versions after 20, 41 and 61 entries; the newest 19 samples shall stay. */
async function start(t: TestContext, options: TestLogOptions = {}): Promise<Compacting> {
  const log = await TestLog.start(t, { fenceMs: FENCE_MS, ...options });
  await log.create(pets);
  await log.appendMany(pets, 1, 30);
  await log.appendMany(other, 1, 10);
  await log.act(pets, 'act', { kind: 'rename_class', from: 'owl', to: 'eagle' });
  await log.appendMany(pets, 31, 60);
  const versions = await log.storeVersions(pets, [20, 41, 61]);
  const told: string[] = [];
  const head = { definition: pets, versions: () => versions, mayGoOn: () => true };
  const compactor = (change: Partial<CompactorOptions> = {}) =>
    new LogCompactor({
      ...log,
      registry: { take: () => {} },
      limits: { keepSamples: 19, keepMs: null, fenceMs: FENCE_MS },
      tell: (_, message) => told.push(message),
      ...change,
    });
  const untilRemoved = async (given = compactor()) => {
    let record: CompactionRecord | undefined;
    const done = async () => {
      record = await compactOnce(given, head);
      return record !== undefined && record.removedTo === versions[1]?.position.sequence && record.purged;
    };
    await until('the entries are removed', done, { state: () => ({ record, told }) });
    return record as CompactionRecord;
  };
  return { log, versions, told, head, compactor, untilRemoved };
}

describe('compaction', { skip }, () => {
  it('removes what no limit keeps, and ids count once before and after', async (t) => {
    const { log, versions, head, compactor, untilRemoved } = await start(t);
    const base = versions[1]!;
    const before = await compactOnce(compactor(), head);
    assert.equal(before?.ids?.to, base.position.sequence, 'the ids are written, the entries rest for a fence interval');
    assert.deepEqual([before?.removedTo, before?.next?.version], [0, base.version]);
    assert.equal((await log.entries(pets)).length, 61);
    assert.equal(await log.append(pets, 'id-5', 777), 'duplicate');
    assert.equal(await log.append(pets, 'id-5', 5), 'own_retry');

    const record = await untilRemoved();
    assert.deepEqual([record.base?.version, record.next?.version], [base.version, versions[0]?.version]);
    const left = await log.entries(pets);
    assert.equal(left.length, 20);
    assert.ok(left.every(({ sequence }) => sequence > base.position.sequence));
    assert.equal((await log.entries(other)).length, 10, 'other heads keep theirs');

    for (const number of [1, 20, 40, 41, 60]) {
      assert.equal(await log.append(pets, `id-${number}`, 1_000 + number), 'duplicate', `id-${number}`);
      assert.equal(await log.append(pets, `id-${number}`, number), 'own_retry', `id-${number} comes again`);
    }
    assert.equal(await log.append(pets, 'id-61', 61), 'appended');
    assert.equal(await log.append(other, 'id-11', 11), 'appended');
    assert.equal((await log.entries(pets)).length, 21);
  });

  it('comes back by itself when the fence interval is over', async (t) => {
    const { log, versions, head, compactor } = await start(t);
    const mine = compactor();
    await mine.compact(head);
    const removed = async () => (await mine.record(pets))?.removedTo === versions[1]?.position.sequence;
    await until('the entries are removed', removed);
    await until('they are gone', async () => (await log.entries(pets)).length === 20);
    assert.equal(await log.append(pets, 'id-5', 777), 'duplicate');
  });

  it('knows labels without an id by their position', async (t) => {
    const log = await TestLog.start(t, { fenceMs: FENCE_MS });
    await log.create(pets);
    for (let i = 1; i <= 4; i++) assert.equal(await log.append(pets, '', i), 'appended');
    const versions = await log.storeVersions(pets, [1, 2, 4]);
    const limits = { keepSamples: 2, keepMs: null, fenceMs: FENCE_MS };
    const compactor = new LogCompactor({ ...log, registry: { take: () => {} }, limits, tell: () => {} });
    const head = { definition: pets, versions: () => versions, mayGoOn: () => true };
    await until('2 are removed', async () => (await compactOnce(compactor, head))?.removedTo === 2);
    assert.equal(await log.append(pets, '', 1), 'own_retry');
    assert.equal(await log.append(pets, '', 5), 'appended');
  });

  it('leaves a base from which a replay still proves the rest', async (t) => {
    const { log, versions, untilRemoved } = await start(t);
    const nats = { url: log.server.url, dataDir: '/nowhere', serverBinary: null };
    const options = { nats, head: 'pets', log: () => {} };
    const whole = await replayHead(options);
    assert.deepEqual([whole.outcome, whole.compactedTo, whole.from.version], ['equal', 0, 0]);
    await untilRemoved();
    const rest = await replayHead(options);
    const base = versions[1]!;
    assert.deepEqual([rest.outcome, rest.compactedTo], ['equal', base.position.sequence]);
    assert.deepEqual(rest.from, { sequence: base.position.sequence, version: base.version });
    assert.deepEqual([rest.modelDigest, rest.stateDigest], [whole.modelDigest, whole.stateDigest]);
    assert.deepEqual(
      rest.versions.map(({ version, model, state }) => [version, model, state]),
      [[3, 'equal', 'equal']],
    );
    const refused = async (change: object) => {
      const error: unknown = await replayHead({ ...options, ...change }).catch((caught: unknown) => caught);
      assert.ok(error instanceof LearnerError && error.code === 'invalid_argument', String(error));
      return error.message;
    };
    const removed = `entries of head 'pets' up to ${base.position.sequence} were removed`;
    assert.match(await refused({ to: 20 }), new RegExp(`--to 20: ${removed}`));
    assert.match(await refused({ learner: pets.learner }), new RegExp(`${removed}.*another learner`));
  });

  it('does not disturb who follows the log', async (t) => {
    const { log, untilRemoved } = await start(t);
    const follower = new StreamFollower(log.link, {
      stream: 'HEADWATER_TRAINING',
      filter: 'headwater.training.pets.1.*',
      after: 0,
      buffer: 1_024,
      onTrouble: (problem) => assert.fail(problem),
    });
    t.after(() => follower.stop());
    const seen: number[] = [];
    const read = async (count: number) => {
      while (seen.length < count) seen.push(...(await follower.next(100)).map(({ seq }) => seq));
    };
    await read(61);
    let appended = 60;
    const removing = untilRemoved();
    let isRemoved = false;
    void removing.then(() => {
      isRemoved = true;
    });
    while (!isRemoved) await log.append(pets, `id-${++appended}`, appended);
    await log.appendMany(pets, appended + 1, appended + 20);
    await read(appended + 21);
    const left = (await log.entries(pets)).map(({ sequence }) => sequence);
    assert.deepEqual(seen.slice(-left.length), left);
    assert.equal(new Set(seen).size, appended + 21);
  });

  it('takes no entry of other heads from who follows all logs and is behind', async (t) => {
    const { log, untilRemoved } = await start(t);
    await log.appendMany(other, 11, 40);
    const [all, pet, others] = [
      'headwater.training.>',
      'headwater.training.pets.1.*',
      'headwater.training.other.1.*',
    ].map((filter) => {
      const common = { stream: 'HEADWATER_TRAINING', filter, after: 0, onTrouble: (text: string) => assert.fail(text) };
      const follower = new StreamFollower(log.link, { ...common, buffer: 8 });
      t.after(() => follower.stop());
      return follower;
    }) as [StreamFollower, StreamFollower, StreamFollower];
    const read = async (follower: StreamFollower, until: number, seen: number[] = []) => {
      while ((seen.at(-1) ?? 0) < until) seen.push(...(await follower.next(100)).map(({ seq }) => seq));
      return seen;
    };
    const begun = await Promise.all([all, pet, others].map((follower) => read(follower, 1)));
    await untilRemoved();
    const { lastSequence } = await log.log.state();
    const ofPets = (await log.entries(pets)).map(({ sequence }) => sequence);
    const ofOthers = (await log.entries(other)).map(({ sequence }) => sequence);
    const seen = [
      await read(all, lastSequence, begun[0]),
      await read(pet, ofPets.at(-1) as number, begun[1]),
      await read(others, ofOthers.at(-1) as number, begun[2]),
    ];
    const missed = (wanted: number[], found: number[]) => wanted.filter((sequence) => !found.includes(sequence));
    assert.deepEqual(missed(ofOthers, seen[0] as number[]), [], 'who follows all misses some of another head');
    assert.deepEqual(missed(ofPets, seen[0] as number[]), [], 'who follows all misses some that stay');
    assert.deepEqual(missed(ofPets, seen[1] as number[]), []);
    assert.deepEqual(missed(ofOthers, seen[2] as number[]), []);
  });

  it('forgets ids after labels.dedupe', async (t) => {
    const { log, untilRemoved } = await start(t, { dedupeMs: 3_000 });
    await untilRemoved();
    assert.equal(await log.append(pets, 'id-5', 777), 'duplicate');
    let outcome = '';
    const forgotten = async () => {
      outcome = await log.append(pets, 'id-6', 778);
      return outcome === 'appended';
    };
    await until('the id is forgotten', forgotten, { state: () => outcome });
    assert.equal(await log.append(pets, 'id-60', 779), 'duplicate', 'what is in the log stays known');
  });

  it('ends the same wherever it is killed', async (t) => {
    for (let effects = 0, survived = false; !survived; effects++) {
      assert.ok(effects < 200, 'it never ends');
      const { log, versions, head, compactor, untilRemoved } = await start(t);
      const doomed = compactor(dyingAfter(effects, log));
      survived = await (async () => {
        for (let calls = 0; calls < 100; calls++) {
          if ((await compactOnce(doomed, head))?.removedTo !== 0 && (await doomed.record(pets))?.purged) return true;
          await delay(FENCE_MS / 10);
        }
        return assert.fail('nothing was removed');
      })().catch((error: Error) => {
        if (error.message === DEATH) return false;
        throw error;
      });
      const record = await untilRemoved();
      const at = `killed after ${effects} effects`;
      assert.deepEqual([record.removedTo, record.base], [versions[1]?.position.sequence, versions[1]], at);
      assert.equal((await log.entries(pets)).length, 20, at);
      for (const number of [1, 20, 40, 60]) assert.equal(await log.append(pets, `id-${number}`, 999), 'duplicate', at);
      // Most of the effects are ids: a few of them stand for all.
      if (effects >= 3 && effects < 38) effects = 38;
      await log.server.stop();
    }
  });

  it('keeps the entries when the state that would stand for them is damaged', async (t) => {
    const { log, versions, told, head, compactor } = await start(t);
    const mine = compactor();
    await compactOnce(mine, head);
    await log.snapshots.remove(pets, 'state', versions[1]?.stateDigest as string);
    await until('the damage is noticed', async () => {
      await compactOnce(mine, head);
      return told.length > 0;
    });
    assert.match(told[0] as string, /head 'pets': the state of version 2, .* is damaged .*; the entries stay/);
    assert.equal((await log.entries(pets)).length, 61);
    await until('an older state stands for less', async () => (await compactOnce(mine, head))?.removedTo === 20);
    assert.equal((await log.entries(pets)).length, 41);
  });

  it('stops rather than forget an id when HEADWATER_IDS is full', async (t) => {
    const { log, head, compactor } = await start(t, { bytes: { ids: 8_000 } });
    let remembered = 0;
    const fill = async () => {
      while (remembered < 105) {
        await log.removed.remember(other, `key-${remembered}`, { streamCreated: STREAM_CREATED, sequence: 1 });
        remembered += 1;
      }
    };
    await fill().catch((error: Error) => assert.match(error.message, /HEADWATER_IDS is full/));
    await delay(1_050);
    await assert.rejects(compactOnce(compactor(), head), /raise nats\.streams\.ids or lower labels\.dedupe/);
    const info = await (await log.link.manager()).streams.info('HEADWATER_IDS');
    assert.equal(info.state.messages, remembered, 'none was driven out');
    assert.equal((await compactor().record(pets))?.ids, null);
    assert.equal((await log.entries(pets)).length, 61);
    assert.equal(await log.append(pets, 'id-5', 777), 'duplicate');
  });

  it('stops when the lease is lost', async (t) => {
    const { log, head, compactor } = await start(t);
    let calls = 0;
    const lost = { ...head, mayGoOn: () => ++calls < 4 };
    await compactOnce(compactor(), lost);
    assert.equal((await compactor().record(pets))?.ids ?? null, null);
    assert.equal((await log.entries(pets)).length, 61);
  });

  it('is refused to one of two who do it at once', async (t) => {
    const { log, head, compactor } = await start(t);
    const results = await Promise.allSettled([compactOnce(compactor(), head), compactOnce(compactor(), head)]);
    const lost = results.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
    assert.ok(lost.length <= 1);
    for (const { reason } of lost) assert.match((reason as Error).message, /another process/);
    assert.equal((await log.entries(pets)).length, 61);
  });

  it('is not begun by a full training log: new samples are refused before old ones are driven out', async (t) => {
    const { log } = await start(t, { bytes: { training: 100_000 } });
    const outcomes: string[] = [];
    for (let number = 61, isFull = false; !isFull; number += 50) {
      const burst = Array.from({ length: 50 }, (_, i) => log.append(pets, `id-${number + i}`, number + i));
      const ended = await Promise.all(burst);
      isFull = ended.every((each) => each === 'full');
      // What is on its way counts for more than it takes, until it is looked at again.
      if (ended.includes('full')) await delay(1_010);
      outcomes.push(...ended);
    }
    assert.equal((await log.entries(pets)).length, 61 + outcomes.filter((each) => each === 'appended').length);
    assert.equal(await log.append(pets, 'id-5', 5), 'own_retry');
    assert.equal(await log.append(pets, 'id-5', 777), 'duplicate');
    await assert.rejects(log.act(pets, 'late', { kind: 'delete_class', name: 'cat' }), { code: 'labels_full' });
    assert.equal(await log.act(pets, 'act', { kind: 'rename_class', from: 'owl', to: 'eagle' }), 41, 'once, as before');
  });

  it('forgets the ids of a deleted head', async (t) => {
    const { log, untilRemoved } = await start(t);
    await untilRemoved();
    await log.log.purge(pets);
    const info = await (await log.link.manager()).streams.info('HEADWATER_IDS');
    assert.equal(info.state.messages, 0);
    assert.equal((await log.entries(other)).length, 10);
  });
});

describe('a service that compacts its logs', { skip }, () => {
  it('goes on learning, counts each label once, and is proved by a replay', async (t) => {
    const nats = await startTestNats({ t });
    const options = {
      training: { keepSamples: 60, keepMs: null, fenceMs: FENCE_MS },
      snapshots: { everySamples: 20, stateEveryMs: 0 },
    };
    const first = await startTestLearning(t, nats.url, options);
    const publish = (from: number, to: number) =>
      first.learning.publishLabels(
        'pets',
        Array.from({ length: to - from + 1 }, (_, i) => {
          const number = from + i;
          return { id: `id-${number}`, label: `class ${number % 3}`, embedding: [...embeddingOf(number % 3, number)] };
        }),
      );
    let published = 0;
    const compacted = async () => {
      await publish(published + 1, published + 20);
      published += 20;
      await first.trained(published);
      return first.status().compactedTo >= 100;
    };
    await until('old entries are removed', compacted, { state: () => first.problems });
    const { compactedTo } = first.status();

    await publish(1, published);
    const told = () => first.learning.labelResults('pets').duplicate ?? 0;
    await until('all are told as duplicates', () => told() >= published, { state: told });
    assert.equal(told(), published);
    assert.deepEqual(first.problems, []);
    await first.learning.close();

    const second = await startTestLearning(t, nats.url, options);
    await second.trained(published);
    assert.equal(second.status().statistics.samples, published);
    assert.ok(second.status().compactedTo >= compactedTo);
    await second.learning.close();
    const place = { url: nats.url, dataDir: '/nowhere', serverBinary: null };
    const proof = await replayHead({ nats: place, head: 'pets', log: () => {} });
    assert.deepEqual([proof.outcome, proof.statistics.samples], ['equal', published]);
    assert.ok(proof.compactedTo >= compactedTo && proof.from.version > 0);
  });
});

/** Does what is due now, without coming back later. */
async function compactOnce(compactor: LogCompactor, head: HeadToCompact): Promise<CompactionRecord | undefined> {
  let ended = false;
  return compactor.compact({ ...head, mayGoOn: () => !ended && head.mayGoOn() }).finally(() => {
    ended = true;
  });
}

const DEATH = 'killed';

/** What has an effect outside works so many times; then the process is gone: after the effect, or (every other time) before it. */
function dyingAfter(effects: number, log: TestLog): Partial<CompactorOptions> {
  let left = effects;
  const mortal = async <T>(effect: () => Promise<T>): Promise<T> => {
    if (left-- <= 0) throw new Error(DEATH);
    return effect();
  };
  const wrap = <T extends object>(target: T, ...methods: (keyof T)[]): T =>
    new Proxy(target, {
      get(object, name) {
        const value: unknown = Reflect.get(object, name, object);
        if (typeof value !== 'function') return value;
        const call = (...given: unknown[]) => (value as (...given: unknown[]) => Promise<unknown>).apply(object, given);
        return methods.includes(name as keyof T) ? (...given: unknown[]) => mortal(() => call(...given)) : call;
      },
    });
  return {
    removed: wrap(log.removed, 'remember'),
    store: wrap(log.store, 'compareAndSet'),
    log: wrap(log.log, 'removeTo'),
  };
}
