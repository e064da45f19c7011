import { setTimeout as delay } from 'node:timers/promises';
import type { JetStreamClient, JetStreamManager } from 'nats';
import type { NatsCluster } from './nats-cluster.js';
import { HEAD, type Replica } from './replica.js';
import { awayFrom, type Change, changeOf, feedAwayFrom, readCounters } from './snapshot.js';

const SERVED = 'HEADWATER_SERVED';
const TRAINING = 'HEADWATER_TRAINING';
const REQUESTS_AT_ONCE = 16;
const LABELS_AT_ONCE = 64;
const LOOK_MS = 20;
const PATIENCE_MS = 60_000;
/** nats-server's monitoring pages and /proc are read when what was sent has been counted. */
const SETTLE_MS = 300;

/** What a round works on. */
export interface Stage {
  readonly cluster: NatsCluster;
  readonly replicas: readonly Replica[];
  readonly jetstream: JetStreamClient;
  readonly manager: JetStreamManager;
  /** Of the next request: each has another one. */
  embedding(index: number): Float32Array;
  label(index: number): string;
  /** Which process answers: any of them, so that it does not go with the turns in which NATS gives labels to those that join. */
  pick(count: number): number;
  /** Of each process's connection to NATS, in the order of the processes. */
  readonly keys: readonly string[];
}

/** Bytes in a stream's file, one copy, a message. */
interface Stored {
  readonly storedBytes: number;
}

export interface Requests extends Stored {
  readonly count: number;
  readonly seconds: number;
  readonly recorded: number;
  readonly away: number;
  readonly change: Change;
}

export interface Labels extends Stored {
  readonly count: number;
  readonly joinedSeconds: number;
  readonly learnedSeconds: number;
  readonly away: number;
  /** 1: what the teacher reads comes from another node than the one it is connected to. */
  readonly feedAway: number;
  readonly change: Change;
}

export interface Version {
  readonly ms: number;
  /** To each process but the one that made the version. */
  readonly bytesToOther: readonly number[];
}

/** Requests, some at once, each to one of the processes by chance. */
export async function sendRequests(stage: Stage, name: string, count: number): Promise<Requests> {
  const { cluster, replicas, manager } = stage;
  const away = await awayFrom(cluster, manager, SERVED);
  const [before, stored] = [await readCounters(cluster, replicas), await streamState(manager, SERVED)];
  let next = 0;
  let recorded = 0;
  const start = performance.now();
  const work = async () => {
    for (let index = next++; index < count; index = next++) {
      const replica = replicas[stage.pick(replicas.length)]!;
      if (await replica.predict(idOf(name, index), stage.embedding(index))) recorded += 1;
    }
  };
  await Promise.all(Array.from({ length: REQUESTS_AT_ONCE }, work));
  const seconds = (performance.now() - start) / 1000;
  await until(
    `${count} served records`,
    async () => (await streamState(manager, SERVED)).messages - stored.messages >= count,
  );
  await delay(SETTLE_MS);
  const [after, now] = [await readCounters(cluster, replicas), await streamState(manager, SERVED)];
  return {
    ...{ count, seconds, recorded, away },
    storedBytes: (now.bytes - stored.bytes) / (now.messages - stored.messages),
    change: changeOf(before, after),
  };
}

/** Labels for the first requests of that name, from their publication until they are learned. */
export async function sendLabels(stage: Stage, name: string, count: number): Promise<Labels> {
  const { cluster, replicas, manager, jetstream } = stage;
  const teacher = await teacherOf(replicas);
  const learnedBefore = Number((await teacher.head()).samples);
  const away = await awayFrom(cluster, manager, TRAINING);
  const feedAway = await feedAwayFrom(cluster, manager, TRAINING, stage.keys[replicas.indexOf(teacher)]!);
  const [before, stored] = [await readCounters(cluster, replicas), await streamState(manager, TRAINING)];
  const start = performance.now();
  for (let from = 0; from < count; from += LABELS_AT_ONCE) {
    const batch = Array.from({ length: Math.min(LABELS_AT_ONCE, count - from) }, (_, i) => from + i);
    await Promise.all(
      batch.map((index) => {
        const label = { id: idOf(name, index), label: stage.label(index) };
        return jetstream.publish(`headwater.label.${HEAD}`, JSON.stringify(label));
      }),
    );
  }
  const isJoined = async () => (await streamState(manager, TRAINING)).messages - stored.messages >= count;
  await until(`${count} joined labels`, isJoined);
  const joinedSeconds = (performance.now() - start) / 1000;
  await until(`${count} learned labels`, async () => Number((await teacher.head()).samples) - learnedBefore >= count);
  const learnedSeconds = (performance.now() - start) / 1000;
  await delay(SETTLE_MS);
  const [after, now] = [await readCounters(cluster, replicas), await streamState(manager, TRAINING)];
  return {
    ...{ count, joinedSeconds, learnedSeconds, away, feedAway },
    storedBytes: (now.bytes - stored.bytes) / (now.messages - stored.messages),
    change: changeOf(before, after),
  };
}

/** The sample that is missing for the next version, and the version on its way to all replicas. */
export async function makeVersion(stage: Stage): Promise<Version> {
  const { cluster, replicas, jetstream } = stage;
  const teacher = await teacherOf(replicas);
  const version = Number((await teacher.head()).latestVersion) + 1;
  const before = await readCounters(cluster, replicas);
  const start = performance.now();
  const label = { embedding: [...stage.embedding(0)], label: stage.label(0) };
  await jetstream.publish(`headwater.label.${HEAD}`, JSON.stringify(label));
  await Promise.all(
    replicas.map((replica) =>
      until(`version ${version}`, async () => Number((await replica.head()).servingVersion) >= version),
    ),
  );
  const ms = performance.now() - start;
  await delay(SETTLE_MS);
  const change = changeOf(before, await readCounters(cluster, replicas));
  const others = stage.keys.filter((_, index) => replicas[index] !== teacher);
  return { ms, bytesToOther: others.map((key) => change.bytesOutOf.get(key) ?? Number.NaN) };
}

/** SIGTERM to whoever teaches. @returns milliseconds until another process teaches, and has learned one more sample */
export async function handOver(stage: Stage): Promise<number> {
  const teacher = await teacherOf(stage.replicas);
  const others = stage.replicas.filter((replica) => replica !== teacher);
  const start = performance.now();
  const stopped = teacher.stop();
  await until('another teacher', async () => (await Promise.all(others.map(teaches))).some(Boolean));
  const ms = performance.now() - start;
  await stopped;
  const heir = await teacherOf(others);
  const samples = Number((await heir.head()).samples);
  const label = { embedding: [...stage.embedding(1)], label: stage.label(1) };
  await stage.jetstream.publish(`headwater.label.${HEAD}`, JSON.stringify(label));
  await until('a sample after the lease was handed over', async () => Number((await heir.head()).samples) > samples);
  return ms;
}

/** @throws Error when nobody teaches the head for a minute */
export async function teacherOf(replicas: readonly Replica[]): Promise<Replica> {
  let teacher: Replica | undefined;
  await until('a teacher', async () => {
    for (const replica of replicas) if (await teaches(replica)) teacher = replica;
    return teacher !== undefined;
  });
  return teacher!;
}

async function teaches(replica: Replica): Promise<boolean> {
  return (await replica.head()).taughtBy === 'here';
}

/** All of one length. */
function idOf(name: string, index: number): string {
  return `${name}-${String(index).padStart(8, '0')}`;
}

async function streamState(manager: JetStreamManager, stream: string) {
  return (await manager.streams.info(stream)).state;
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waiting for ${what} took more than ${PATIENCE_MS / 1000} s`);
    await delay(LOOK_MS);
  }
}
