import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { generatedEmbeddings } from '../fold/embeddings.js';
import { median, type Spread, spread } from '../measure/statistics.js';
import { Random } from '../networks/random.js';
import { compare, type Rounds } from './compare.js';
import type { Shape } from './model.js';
import { NatsCluster } from './nats-cluster.js';
import { HEAD, Replica } from './replica.js';
import type { Comparison, Throughput } from './results.js';
import { handOver, makeVersion, type Stage, sendLabels, sendRequests, teacherOf } from './round.js';
import { headwaterClients, readCounters } from './snapshot.js';

const [DIMENSIONS, CLASSES, DISTINCT] = [1024, 101, 404];
const IDLE_MS = 3_000;
const NAME_BYTES = 4;
/** Rounds that do not count: compiled code, connections, a first version to answer with. */
const WARM_UP = 2;
/** `class-NNN` */
const CLASS_NAME = 'class-';

export interface Plan {
  readonly replicas: number;
  readonly rounds: number;
  readonly requests: number;
}

export interface Measured {
  readonly shape: Shape;
  readonly throughput: readonly Throughput[];
  readonly comparisons: readonly Comparison[];
  readonly handOverMs: number | undefined;
}

/** A cluster of three nodes, and on it 1, 2, ... processes with all roles. */
export async function measureScaling(plan: Plan, folder: string): Promise<Measured> {
  const cluster = await NatsCluster.start(folder);
  const replicas: Replica[] = [];
  const connection = await cluster.connect();
  try {
    const classes = Array.from({ length: CLASSES }, (_, index) => `${CLASS_NAME}${String(index).padStart(3, '0')}`);
    const samples = generatedEmbeddings(DIMENSIONS, CLASSES, DISTINCT);
    const random = new Random(1);
    const keys: string[] = [];
    const stage: Stage = {
      ...{ cluster, replicas, jetstream: connection.jetstream(), manager: await connection.jetstreamManager() },
      embedding: (index) => samples.embedding(index),
      label: (index) => classes[index % CLASSES]!,
      pick: (count) => Math.floor(count * random.uniform()),
      keys,
    };
    const all: Rounds[] = [];
    const labels = Math.ceil(plan.requests / 2);
    const setting = { natsUrls: cluster.urls, dimensions: DIMENSIONS, classes, versionEvery: labels + 1 };
    while (replicas.length < plan.replicas) {
      replicas.push(await Replica.start({ ...setting, folder: join(folder, `replica-${replicas.length}`) }));
      const known = await headwaterClients(cluster);
      keys.push(...known.map(({ key }) => key).filter((key) => !keys.includes(key)));
      console.error(`${replicas.length} processes`);
      all.push(await measureRounds(stage, plan, labels));
    }
    const handOverMs = replicas.length > 1 ? await handOver(stage) : undefined;
    const id = NAME_BYTES + 9;
    const shape = {
      dimensions: DIMENSIONS,
      classes: CLASSES,
      id,
      className: CLASS_NAME.length + 3,
      headName: HEAD.length,
    };
    return { shape, throughput: all.map(throughputOf), comparisons: compare(shape, all), handOverMs };
  } finally {
    await connection.close();
    await Promise.all(replicas.map((replica) => replica.stop()));
    await cluster.stop();
  }
}

async function measureRounds(stage: Stage, plan: Plan, labels: number): Promise<Rounds> {
  const { cluster, replicas } = stage;
  await teacherOf(replicas);
  const round = async (number: number, count = plan.requests) => {
    const name = `r${replicas.length}-${number % 10}`;
    const requests = await sendRequests(stage, name, count);
    const learned = await sendLabels(stage, name, labels);
    return { requests, labels: learned, version: await makeVersion(stage) };
  };
  // As many for each process, however many there are: the newest has compiled nothing yet.
  for (let number = 0; number < WARM_UP; number++) await round(number, replicas.length * plan.requests);
  const rounds: Omit<Rounds, 'diskOverStored'> = {
    replicas: replicas.length,
    idle: await measureIdle(stage),
    requests: [],
    labels: [],
    versions: [],
  };
  for (let number = WARM_UP; number < WARM_UP + plan.rounds; number++) {
    const measured = await round(number);
    rounds.requests.push(measured.requests);
    rounds.labels.push(measured.labels);
    rounds.versions.push(measured.version);
  }
  return { ...rounds, diskOverStored: cluster.diskBytes() / (cluster.size * (await storedInStreams(stage))) };
}

/** Bytes of all streams as JetStream counts them, one copy. */
async function storedInStreams({ manager }: Stage): Promise<number> {
  let bytes = 0;
  for await (const { state } of manager.streams.list()) bytes += state.bytes;
  return bytes;
}

/** Cores that are used while nothing is asked for. */
async function measureIdle({ cluster, replicas }: Stage): Promise<Rounds['idle']> {
  const before = await readCounters(cluster, replicas);
  await delay(IDLE_MS);
  const after = await readCounters(cluster, replicas);
  const ms = after.atMs - before.atMs;
  return {
    headwater: (after.headwaterCpuMs - before.headwaterCpuMs) / ms,
    nats: (after.natsCpuMs - before.natsCpuMs) / ms,
  };
}

function throughputOf({ replicas, idle, requests, labels, versions, diskOverStored }: Rounds): Throughput {
  const rate = (count: number, seconds: number) => count / seconds;
  const over = <T>(items: readonly T[], of: (item: T) => number): Spread => spread(items.map(of));
  return {
    replicas,
    requests: over(requests, ({ count, seconds }) => rate(count, seconds)),
    recorded: median(requests.map(({ recorded, count }) => recorded / count)),
    joined: over(labels, ({ count, joinedSeconds }) => rate(count, joinedSeconds)),
    learned: over(labels, ({ count, learnedSeconds }) => rate(count, learnedSeconds)),
    versionMs: over(versions, ({ ms }) => ms),
    idleCores: idle,
    diskOverStored,
  };
}
