// What is read back from storage or brought by an operator: models, learners' states, log entries, served records, heads' files.
import { createHash } from 'node:crypto';
import { HeadFold } from '../../src/learner/fold/head-fold.js';
import {
  attachmentOf,
  decodeEntry,
  encodeAct,
  encodeSample,
  type LoggedAct,
} from '../../src/learner/fold/log-entry.js';
import { decodeModel, encodeModel } from '../../src/learner/fold/model-format.js';
import { decodeServedRecord, encodeServedRecord } from '../../src/learner/fold/served-record.js';
import { readImport } from '../../src/learner/heads/files/head-files.js';
import { encodeHeadFile } from '../../src/learner/heads/files/safetensors.js';
import { defaultLearnerOptions } from '../../src/learner/learners/learner-options.js';
import type { HeadDefinition, HeadModel } from '../../src/learner/types.js';
import { mutateBytes } from '../mutate/bytes.js';
import { mutateJson, mutateValue } from '../mutate/json.js';
import { mutateMessage } from '../mutate/protobuf.js';
import type { Random } from '../random.js';
import type { FuzzTarget } from '../target.js';

const DIMENSIONS = 4;
const DEFINITION: HeadDefinition = {
  ...{ name: 'pets', generation: 1, backbone: 'tiny', backboneIdentity: 'f00d', dimensions: DIMENSIONS },
  ...{ classes: 'open', maxClasses: 10, learner: defaultLearnerOptions, createdAtMs: 5 },
};
const MODEL: HeadModel = {
  classes: ['cat', 'dog'],
  dimensions: DIMENSIONS,
  weights: Float32Array.from({ length: 8 }, (_, index) => index / 8),
  bias: Float32Array.of(1, -1),
};
const EMBEDDING = JSON.stringify({ size: 96, resize: 110 });
/** What the first byte of an input says that the rest is. */
const KINDS = ['model', 'state', 'entry', 'record', 'file'] as const;
const [PREFIX, DIGEST] = [16, 32];

function fold(): HeadFold {
  const head = new HeadFold(DEFINITION);
  for (let index = 1; index <= 40; index++) head.fold(sampleOf(index), index);
  head.fold(encodeAct({ id: 'a', atMs: 1, change: { kind: 'rename_class', from: 'class 0', to: 'zero' } }), 50);
  return head;
}

function sampleOf(index: number): Uint8Array {
  const embedding = Float32Array.from({ length: DIMENSIONS }, (_, d) => ((index * 7 + d * 3) % 11) / 5 - 1);
  const served = index % 2 === 0 ? { version: 1, predicted: 'class 1', servedAtMs: index } : undefined;
  return encodeSample({
    ...{ id: `id ${index}`, label: `class ${index % 3}`, embedding, backboneIdentity: 'f00d', served },
    ...{ origin: { streamCreated: '2026-01-01T00:00:00Z', sequence: index }, form: 'join', labelledAtMs: index },
  });
}

const ACTS: readonly LoggedAct[] = [
  { kind: 'delete_class', name: 'class 0' },
  { kind: 'rename_class', from: 'class 1', to: 'one' },
  { kind: 'set_learners', learners: ['sgd', 'slda'] },
  { kind: 'promote', candidate: 'blend' },
  { kind: 'import_model', digest: 'ab'.repeat(32) },
];

export const snapshots: FuzzTarget = {
  name: 'snapshots',
  async seeds() {
    const entries = [sampleOf(1), sampleOf(2), ...ACTS.map((change) => encodeAct({ id: 'a', atMs: 2, change }))];
    const record = {
      id: 'a',
      version: 1,
      predicted: 'cat',
      embedding: MODEL.bias,
      backboneIdentity: 'f00d',
      servedAtMs: 1,
    };
    const { name, ...rest } = { ...DEFINITION, ...MODEL };
    const file = { ...rest, head: name, version: 3, samples: 9, embedding: EMBEDDING, champion: 'sgd' as const };
    const byKind: [(typeof KINDS)[number], Uint8Array][] = [
      ['model', encodeModel(DEFINITION, MODEL)],
      ['state', fold().snapshot().state],
      ...entries.map((entry): ['entry', Uint8Array] => ['entry', entry]),
      ['record', encodeServedRecord(record)],
      ['file', encodeHeadFile(file)],
    ];
    return byKind.map(([kind, bytes]) => Buffer.concat([Buffer.from([KINDS.indexOf(kind)]), bytes]));
  },
  mutate(random, seeds) {
    // Each kind as often as the others.
    const wanted = random.int(KINDS.length);
    const seed = random.pick(seeds.filter(([kind]) => kind === wanted));
    const bytes = seed.subarray(1);
    return Buffer.concat([Buffer.from([wanted]), mutateKind(random, KINDS[wanted]!, bytes)]);
  },
  open: async () => ({
    run(input) {
      const kind = KINDS[input[0]!]!;
      read(kind, Uint8Array.from(input.subarray(1)));
    },
    close: async () => {},
  }),
};

function mutateKind(random: Random, kind: (typeof KINDS)[number], bytes: Uint8Array): Uint8Array {
  switch (kind) {
    case 'entry':
    case 'record':
      return mutateMessage(random, bytes);
    case 'file':
      return random.chance(0.3) ? mutateBytes(random, bytes) : otherHeader(random, bytes, 8, 0, 8, 0);
    default:
      return random.chance(0.2) ? mutateBytes(random, bytes) : otherHeader(random, bytes, PREFIX, 12, 4, DIGEST);
  }
}

/** A snapshot or file whose JSON header, or whose numbers, are changed, and whose length and digest are right again. */
function otherHeader(
  random: Random,
  bytes: Uint8Array,
  start: number,
  lengthAt: number,
  width: 4 | 8,
  digestBytes: number,
): Uint8Array {
  const view = Buffer.from(bytes);
  const end = start + view.readUInt32LE(lengthAt);
  const arrays = Math.ceil(end / 8) * 8;
  let header = view.toString('utf8', start, end);
  let numbers: Uint8Array = view.subarray(arrays, view.length - digestBytes);
  if (random.chance(0.7)) header = changedHeader(random, header);
  else if (numbers.length > 0) numbers = overwriteFloat(random, numbers);
  const text = Buffer.from(width === 8 ? header.padEnd(Math.ceil(header.length / 8) * 8) : header);
  const prefix = Buffer.from(view.subarray(0, start));
  prefix.writeUInt32LE(text.length, lengthAt);
  const gap = width === 8 ? 0 : (8 - ((start + text.length) % 8)) % 8;
  const body = Buffer.concat([prefix, text, Buffer.alloc(gap), numbers]);
  return digestBytes === 0 ? body : Buffer.concat([body, createHash('sha256').update(body).digest()]);
}

/** Mostly of what only the readers behind the container look at. */
function changedHeader(random: Random, header: string): string {
  if (random.chance(0.35)) return mutateJson(random, header);
  const { metadata, __metadata__, ...rest } = JSON.parse(header) as Record<string, unknown>;
  if (metadata === undefined) return JSON.stringify({ __metadata__: mutateValue(random, __metadata__), ...rest });
  return JSON.stringify({ metadata: mutateValue(random, metadata), ...rest });
}

function overwriteFloat(random: Random, numbers: Uint8Array): Uint8Array {
  const changed = Buffer.from(numbers);
  const value = random.pick([Number.NaN, Number.POSITIVE_INFINITY, -1, 1e300, 0, 7, -0, 2 ** 31]);
  for (let turn = 1 + random.size(20); turn > 0; turn--) {
    if (random.chance(0.5)) changed.writeDoubleLE(value, 8 * random.int(Math.floor(changed.length / 8)));
    else changed.writeFloatLE(Math.fround(value), 4 * random.int(Math.floor(changed.length / 4)));
  }
  return changed;
}

function read(kind: (typeof KINDS)[number], bytes: Uint8Array): void {
  switch (kind) {
    case 'model': {
      decodeModel(bytes);
      decodeModel(bytes, DEFINITION);
      decodeModel(bytes, DEFINITION, true);
      return;
    }
    case 'state': {
      // A state that is taken must go on: samples, and what is told of it.
      const head = HeadFold.restore(DEFINITION, bytes);
      if (head.waitsFor() === undefined) head.fold(sampleOf(3), head.sequence + 1);
      JSON.stringify(head.statistics());
      return;
    }
    case 'entry': {
      decodeEntry(bytes);
      attachmentOf(bytes);
      const head = fold();
      head.fold(bytes, 100);
      head.fold(sampleOf(4), 101);
      return;
    }
    case 'record':
      decodeServedRecord(bytes);
      return;
    case 'file':
      decodeModel(readImport(DEFINITION, bytes, EMBEDDING)(DEFINITION), DEFINITION);
  }
}
