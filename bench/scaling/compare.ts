import { spread } from '../measure/statistics.js';
import {
  deliveredForLabel,
  deliveredForRequest,
  deliveredForVersion,
  labelBytes,
  POINTER_BYTES,
  routedBytes,
  type Shape,
  servedRecordBytes,
  storedBytes,
  subjectBytes,
  trainingEntryBytes,
} from './model.js';
import type { Comparison } from './results.js';
import type { Labels, Requests, Version } from './round.js';
import type { Change } from './snapshot.js';

/** All rounds with one number of processes. */
export interface Rounds {
  readonly replicas: number;
  /** Cores in use while nothing is asked for: they are taken off what messages cost. */
  readonly idle: { readonly headwater: number; readonly nats: number };
  readonly requests: Requests[];
  readonly labels: Labels[];
  readonly versions: Version[];
  /** Files of all nodes over what the streams hold, all copies: logs of the replication and what was deleted are in them, too. */
  readonly diskOverStored: number;
}

const COPIES = 3;
/** An acknowledgement of JetStream: `{"stream":"HEADWATER_SERVED", "seq":1234}`. */
const ACK_BYTES = 44;
/** Headers of a delivery without its payload: `NATS/1.0`, `Nats-Msg-Size`. */
const ARRIVAL_BYTES = 35;
/** Headers of a stored message that was asked for: stream, subject, sequence, time. */
const FETCHED_HEADER_BYTES = 190;
/** Versions answered with have so few digits. */
const VERSION = 5;
const SEQUENCE = 1_000;

/** Each figure of the model beside what was measured. Times have no figure before: more processes are compared with the first number of them. */
export function compare(shape: Shape, all: readonly Rounds[]): Comparison[] {
  return [
    ...all.flatMap((rounds) => requestBytes(shape, rounds)),
    ...all.flatMap((rounds) => labelsBytes(shape, rounds)),
    ...all.filter(({ replicas }) => replicas > 1).map((rounds) => versionBytes(shape, rounds)),
    ...times(all),
  ].sort((left, right) => order(all, left) - order(all, right));
}

/** All numbers of processes of one quantity stand together: the order in which the quantities are first named. */
const NAMES = [
  'served record, stored, one copy',
  'a request: bytes from Headwater to NATS',
  'a request: bytes from NATS to Headwater',
  'a request: messages from NATS to Headwater',
  'a request: bytes between nodes',
  'training entry, stored, one copy',
  'a label: bytes from Headwater to NATS',
  'a label: bytes from NATS to Headwater',
  'a label: messages from NATS to Headwater',
  'a label: bytes between nodes',
  'a version: bytes to each process that did not make it',
  'a request: CPU of Headwater',
  'a request: CPU of NATS',
  'a label: CPU of Headwater',
  'a label: CPU of NATS',
] as const;
type Name = (typeof NAMES)[number];

function order(all: readonly Rounds[], { what, replicas }: Comparison): number {
  return NAMES.indexOf(what as Name) * (all.length + 1) + replicas;
}

function row(
  what: Name,
  unit: Comparison['unit'],
  replicas: number,
  model: number | undefined,
  values: readonly number[],
): Comparison {
  return { what, unit, replicas, model, measured: spread(values) };
}

function requestBytes(shape: Shape, { replicas, requests }: Rounds): Comparison[] {
  const record = servedRecordBytes(shape, VERSION);
  const subject = subjectBytes('served', shape);
  const { small } = deliveredForRequest({ serve: replicas, join: replicas, learn: replicas });
  const each = (of: (change: Change) => number) => requests.map(({ change, count }) => of(change) / count);
  const away = spread(requests.map((round) => round.away)).median;
  return [
    row(
      'served record, stored, one copy',
      'bytes',
      replicas,
      storedBytes(subject, record),
      requests.map((round) => round.storedBytes),
    ),
    row(
      'a request: bytes from Headwater to NATS',
      'bytes',
      replicas,
      record,
      each(({ bytesIn }) => bytesIn),
    ),
    row(
      'a request: bytes from NATS to Headwater',
      'bytes',
      replicas,
      ACK_BYTES + replicas * ARRIVAL_BYTES,
      each(({ bytesOut }) => bytesOut),
    ),
    row(
      'a request: messages from NATS to Headwater',
      'messages',
      replicas,
      small,
      each(({ messagesOut }) => messagesOut),
    ),
    row(
      'a request: bytes between nodes',
      'bytes',
      replicas,
      routedBytes(record, subject, COPIES, away),
      each((change) => change.routedBytes),
    ),
  ];
}

function labelsBytes(shape: Shape, { replicas, labels }: Rounds): Comparison[] {
  const record = servedRecordBytes(shape, VERSION);
  const entry = trainingEntryBytes(shape, VERSION, SEQUENCE);
  const label = labelBytes(shape);
  const subject = subjectBytes('training', shape);
  // A process joins its share of all labels, and has served the same share of their records. One teaches: it alone reads the entries.
  const fetched = 1 - 1 / replicas;
  const { full, small } = deliveredForLabel({ learn: 1 }, fetched);
  const each = (of: (change: Change) => number) => labels.map(({ change, count }) => of(change) / count);
  const middle = (of: (round: Labels) => number) => spread(labels.map(of)).median;
  // Any copy answers who asks for a record: it is on another node as often as there are others.
  const elsewhere = (COPIES - 1) / COPIES;
  const between =
    routedBytes(
      entry,
      subject,
      COPIES,
      middle(({ away }) => away),
    ) +
    middle(({ feedAway }) => feedAway) * entry +
    elsewhere * fetched * record +
    (COPIES - 1) * label;
  const out = (full - fetched) * entry + fetched * (record + FETCHED_HEADER_BYTES) + label + ACK_BYTES;
  return [
    row(
      'training entry, stored, one copy',
      'bytes',
      replicas,
      storedBytes(subject, entry),
      labels.map((round) => round.storedBytes),
    ),
    row(
      'a label: bytes from Headwater to NATS',
      'bytes',
      replicas,
      entry,
      each(({ bytesIn }) => bytesIn),
    ),
    row(
      'a label: bytes from NATS to Headwater',
      'bytes',
      replicas,
      out,
      each(({ bytesOut }) => bytesOut),
    ),
    row(
      'a label: messages from NATS to Headwater',
      'messages',
      replicas,
      full + small,
      each(({ messagesOut }) => messagesOut),
    ),
    row(
      'a label: bytes between nodes',
      'bytes',
      replicas,
      between,
      each((change) => change.routedBytes),
    ),
  ];
}

function versionBytes(shape: Shape, { replicas, versions }: Rounds): Comparison {
  const model = deliveredForVersion(shape, POINTER_BYTES).bytes;
  const name = 'a version: bytes to each process that did not make it';
  return row(
    name,
    'bytes',
    replicas,
    model,
    versions.flatMap(({ bytesToOther }) => bytesToOther),
  );
}

function times(all: readonly Rounds[]): Comparison[] {
  const idleOff = (change: Change, cpuMs: number, cores: number) => cpuMs - cores * change.ms;
  const rows = all.flatMap(({ replicas, idle, requests, labels }) => {
    const each = (rounds: readonly (Requests | Labels)[], of: 'headwater' | 'nats') =>
      rounds.map(({ change, count }) => idleOff(change, change[`${of}CpuMs`], idle[of]) / count);
    return [
      row('a request: CPU of Headwater', 'ms', replicas, undefined, each(requests, 'headwater')),
      row('a request: CPU of NATS', 'ms', replicas, undefined, each(requests, 'nats')),
      row('a label: CPU of Headwater', 'ms', replicas, undefined, each(labels, 'headwater')),
      row('a label: CPU of NATS', 'ms', replicas, undefined, each(labels, 'nats')),
    ];
  });
  return rows.map((each) => {
    const first = rows.find(({ what }) => what === each.what)!;
    return first === each ? each : { ...each, model: first.measured.median };
  });
}
