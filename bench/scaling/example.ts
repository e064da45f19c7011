import {
  DEFAULT_SERVED_BYTES,
  deliveredForVersion,
  headsWithin,
  heldSeconds,
  LEARNERS,
  modelBytes,
  POINTER_BYTES,
  type Processes,
  routedBytes,
  type Shape,
  servedRecordBytes,
  storedBytes,
  subjectBytes,
  trainingEntryBytes,
  VERSIONS_PER_LEARNER,
  versionsPerSecond,
} from './model.js';

/** An installation, as the worked example of docs/scaling.md has it. */
export interface Installation {
  readonly title: string;
  readonly shape: Shape;
  readonly processes: Processes;
  readonly heads: number;
  /** Over all heads and replicas, a second. */
  readonly requests: number;
  readonly labels: number;
  /** `nats.replicas` */
  readonly copies: number;
  readonly windowSeconds: number;
  /** `snapshots.everySamples` and `snapshots.interval` */
  readonly everySamples: number;
  readonly intervalSeconds: number;
  /** `learn.memory` */
  readonly memoryBytes: number;
}

/** Figures of other pages, each a median on the machine named there. */
export const ELSEWHERE = {
  /** docs/performance.md: MobileNetV1, 1x1 layers 75 %, batch 1, one thread: 4.84 ms an image. */
  imageSecondsOfCore: 0.00484,
  /** docs/learning.md, all four learners, 1024 x 101: on a machine of so many cores, refits in threads of their own. */
  samplesPerSecondAll: 480,
  coresOfAll: 2,
  /** docs/learning.md, `sgd` alone, 1024 x 101, the lowest that was found on real embeddings. */
  samplesPerSecondSgd: 5_060,
} as const;

export interface Demand {
  readonly recordBytes: number;
  readonly entryBytes: number;
  /** Bytes a second. */
  readonly recordsIn: number;
  readonly recordsBetweenNodes: number;
  readonly arrivalMessages: number;
  readonly entriesOut: number;
  readonly recordsFetched: number;
  /** Bytes in one copy for the join window, and for a day of training. */
  readonly windowStored: number;
  readonly trainingStoredDay: number;
  /** What the default of nats.streams.served holds. */
  readonly defaultHeldSeconds: number;
  readonly wantedVersions: number;
  /** After the limit of each learner. */
  readonly versions: number;
  readonly modelBytes: number;
  readonly fanOut: number;
  readonly weightsPerReplica: number;
  readonly engineCores: number;
  readonly learnCoresSgd: number;
  readonly learnCoresAll: number;
  readonly headsWithAll: number;
}

/** What the installation asks of NATS, disks, memory and cores. */
export function demandOf(installation: Installation): Demand {
  const { shape, processes, heads, requests, labels, copies, everySamples, intervalSeconds } = installation;
  const recordBytes = servedRecordBytes(shape, 1_000);
  const entryBytes = trainingEntryBytes(shape, 1_000, 1e9);
  const recordStored = storedBytes(subjectBytes('served', shape), recordBytes);
  const away = (copies - 1) / copies;
  const wantedVersions = heads * versionsPerSecond(labels / heads, everySamples, intervalSeconds);
  const versions = Math.min(wantedVersions, VERSIONS_PER_LEARNER * processes.learn);
  return {
    recordBytes,
    entryBytes,
    recordsIn: requests * recordBytes,
    recordsBetweenNodes: requests * routedBytes(recordBytes, subjectBytes('served', shape), copies, away),
    arrivalMessages: requests * processes.join,
    entriesOut: labels * processes.learn * entryBytes,
    // Serving and joining are apart: every record is asked for.
    recordsFetched: labels * recordBytes,
    windowStored: requests * (installation.windowSeconds + 3_600) * recordStored,
    trainingStoredDay: labels * 86_400 * storedBytes(subjectBytes('training', shape), entryBytes),
    defaultHeldSeconds: heldSeconds(DEFAULT_SERVED_BYTES, recordStored, requests),
    wantedVersions,
    versions,
    modelBytes: modelBytes(shape),
    fanOut: versions * processes.serve * deliveredForVersion(shape, POINTER_BYTES).bytes,
    weightsPerReplica: heads * modelBytes(shape),
    engineCores: requests * ELSEWHERE.imageSecondsOfCore,
    learnCoresSgd: labels / ELSEWHERE.samplesPerSecondSgd,
    learnCoresAll: (ELSEWHERE.coresOfAll * labels) / ELSEWHERE.samplesPerSecondAll,
    headsWithAll: headsWithin(installation.memoryBytes, LEARNERS, shape.dimensions, shape.classes),
  };
}

const SHAPE = { dimensions: 1024, classes: 101, id: 36, className: 12, headName: 12 } as const;

/** 200 replicas, with the defaults; with the settings that the page changes; and one of five clusters that share the heads. */
export const EXAMPLES: readonly Installation[] = [
  {
    title: 'defaults',
    shape: SHAPE,
    processes: { serve: 200, join: 20, learn: 20 },
    heads: 2_000,
    requests: 5_000,
    labels: 1_000,
    copies: 3,
    windowSeconds: 86_400,
    everySamples: 200,
    intervalSeconds: 1,
    memoryBytes: 2 ** 31,
  },
  {
    title: 'changed',
    shape: SHAPE,
    processes: { serve: 200, join: 8, learn: 8 },
    heads: 2_000,
    requests: 5_000,
    labels: 1_000,
    copies: 3,
    windowSeconds: 600,
    everySamples: 10_000,
    intervalSeconds: 600,
    memoryBytes: 2 ** 34,
  },
  {
    title: 'one of five shards',
    shape: SHAPE,
    processes: { serve: 40, join: 2, learn: 2 },
    heads: 400,
    requests: 1_000,
    labels: 200,
    copies: 3,
    windowSeconds: 600,
    everySamples: 10_000,
    intervalSeconds: 600,
    memoryBytes: 2 ** 34,
  },
];
