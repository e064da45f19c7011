import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { replaceSection } from '../../../bench/report/page.js';
import { scalingSections } from '../../../bench/report/scaling-tables.js';
import { demandOf, EXAMPLES } from '../../../bench/scaling/example.js';
import {
  deliveredForLabel,
  deliveredForRequest,
  deliveredForVersion,
  headsWithin,
  heldSeconds,
  LEARNERS,
  labelBytes,
  learnerStateBytes,
  modelBytes,
  routedBytes,
  type Shape,
  servedRecordBytes,
  storedBytes,
  subjectBytes,
  trainingEntryBytes,
  varintBytes,
  versionsPerSecond,
} from '../../../bench/scaling/model.js';
import { readOptions } from '../../../bench/scaling/options.js';
import type { ScalingResult } from '../../../bench/scaling/results.js';
import { type Change, type Counters, changeOf } from '../../../bench/scaling/snapshot.js';
import { encodeSample } from '../../../src/learner/fold/log-entry.js';
import { encodeModel } from '../../../src/learner/fold/model-format.js';
import { encodeServedRecord } from '../../../src/learner/fold/served-record.js';
import { estimateBytes } from '../../../src/learner/learners/create.js';
import { defaultLearnerOptions } from '../../../src/learner/learners/learner-options.js';
import { messageKey, subjects } from '../../../src/learner/names.js';
import type { HeadDefinition } from '../../../src/learner/types.js';
import { ROOT } from '../../support/repository.js';

const shapes: readonly Shape[] = [
  { dimensions: 1024, classes: 101, id: 13, className: 9, headName: 5 },
  { dimensions: 2048, classes: 7, id: 36, className: 3, headName: 12 },
  { dimensions: 5, classes: 1, id: 200, className: 128, headName: 1 },
];
const identity = 'f'.repeat(64);

describe("the model's bytes are those of the service's own encoders", () => {
  for (const shape of shapes) {
    const { dimensions, id, className, headName } = shape;
    const text = { id: 'i'.repeat(id), label: 'c'.repeat(className), head: 'h'.repeat(headName) };
    const embedding = new Float32Array(dimensions).fill(1.5);

    it(`served records and training entries of ${dimensions} dimensions`, () => {
      for (const version of [0, 5, 300, 100_000]) {
        const predicted = version === 0 ? '' : text.label;
        const common = { id: text.id, embedding, backboneIdentity: identity };
        const served = { version, predicted, servedAtMs: 1.7e12 };
        const record = encodeServedRecord({ ...common, ...served });
        assert.equal(servedRecordBytes(shape, version), record.length);
        const origin = { streamCreated: '2026-11-23T07:51:16.123456789Z', sequence: 70_000 };
        const sample = { ...common, label: text.label, origin, served, form: 'join', labelledAtMs: 1.7e12 } as const;
        assert.equal(trainingEntryBytes(shape, version, origin.sequence), encodeSample(sample).length);
      }
    });

    it(`weights of ${shape.classes} x ${dimensions}`, () => {
      const definition = { name: text.head, generation: 1, backboneIdentity: identity } as HeadDefinition;
      const classes = Array.from({ length: shape.classes }, () => text.label);
      const weights = new Float32Array(classes.length * dimensions);
      const bytes = encodeModel(definition, { dimensions, classes, weights, bias: new Float32Array(classes.length) });
      assert.equal(modelBytes(shape), bytes.length);
    });

    it(`subjects and labels of ${text.head}`, () => {
      const key = messageKey('any');
      assert.equal(subjectBytes('served', shape), subjects.served(text.head, 1, key).length);
      assert.equal(subjectBytes('training', shape, 12), subjects.training(text.head, 12, key).length);
      assert.equal(labelBytes(shape), JSON.stringify({ id: text.id, label: text.label }).length);
    });
  }

  it('states of learners', () => {
    for (const name of LEARNERS) {
      for (const classes of [1, 8, 9, 101]) {
        const setting = { dimensions: 64, options: defaultLearnerOptions };
        assert.equal(learnerStateBytes(name, 64, classes), estimateBytes(name, setting, classes), `${name} ${classes}`);
      }
    }
  });
});

describe('the model', () => {
  it('counts what goes to everyone', () => {
    assert.deepEqual(deliveredForRequest({ serve: 9, join: 4, learn: 2 }), { full: 0, small: 5 });
    assert.deepEqual(deliveredForLabel({ learn: 3 }, 0.5), { full: 3.5, small: 2 });
    const shape = shapes[0]!;
    const { messages, bytes } = deliveredForVersion(shape, 1_000);
    assert.equal(messages, Math.ceil(modelBytes(shape) / 65_536) + 2);
    assert.ok(bytes > modelBytes(shape) + 1_000);
  });

  it('counts copies and ways between nodes', () => {
    assert.equal(routedBytes(100, 10, 1, 0), 0);
    assert.equal(routedBytes(100, 10, 3, 1), 2 * 110 + 100);
    assert.equal(storedBytes(10, 100), 140);
    assert.equal(storedBytes(10, 100, 20), 164);
    assert.deepEqual([0, 127, 128, 16_384].map(varintBytes), [1, 1, 2, 3]);
  });

  it('makes versions by samples or by time, whichever is first', () => {
    assert.equal(versionsPerSecond(0, 200, 1), 0);
    assert.equal(versionsPerSecond(1_000, 200, 1), 5);
    assert.equal(versionsPerSecond(0.5, 200, 1), 1 / 3);
  });

  it('knows what fits', () => {
    assert.equal(heldSeconds(1_000, 10, 5), 20);
    const sgd = learnerStateBytes('sgd', 1024, 16);
    assert.equal(headsWithin(10 * sgd + 1, ['sgd'], 1024, 16), 10);
    assert.ok(headsWithin(2 ** 31, LEARNERS, 1024, 101) < headsWithin(2 ** 31, ['sgd'], 1024, 101));
  });

  it('an installation of twice the requests needs twice of what requests cost, and no more versions', () => {
    const [example] = EXAMPLES;
    const [once, twice] = [demandOf(example!), demandOf({ ...example!, requests: 2 * example!.requests })];
    assert.equal(twice.recordsIn, 2 * once.recordsIn);
    assert.equal(twice.windowStored, 2 * once.windowStored);
    assert.equal(twice.fanOut, once.fanOut);
  });
});

describe('counters of two moments', () => {
  const client = (key: string, bytesOut: number) => ({
    ...{ key, name: 'headwater', node: 'node-0', messagesIn: 0, messagesOut: bytesOut / 10, bytesIn: 1, bytesOut },
  });
  const at = (atMs: number, bytes: readonly (readonly [string, number])[]): Counters => ({
    ...{ atMs, headwaterCpuMs: atMs / 2, natsCpuMs: atMs / 4, routedBytes: atMs * 3 },
    clients: new Map(bytes.map(([key, out]) => [key, client(key, out)])),
  });

  it('differ by what went on', () => {
    const change: Change = changeOf(
      at(100, [['a', 50]]),
      at(300, [
        ['a', 80],
        ['b', 20],
      ]),
    );
    assert.deepEqual([change.ms, change.headwaterCpuMs, change.natsCpuMs, change.routedBytes], [200, 100, 50, 600]);
    assert.equal(change.bytesOut, 50);
    assert.deepEqual(
      [...change.bytesOutOf],
      [
        ['a', 30],
        ['b', 20],
      ],
    );
  });

  it('are refused when a connection was lost', () => {
    assert.throws(() => changeOf(at(1, [['a', 1]]), at(2, [['b', 1]])), /lost its connection/);
  });
});

describe('the page of bench:scaling', () => {
  const about = (median: number) => ({ median, min: median / 2, max: median * 2 });
  const result: ScalingResult = {
    machine: {
      date: '2026-01-02',
      cpu: 'A CPU',
      cores: 2,
      memoryGiB: 8,
      system: 'Linux 6',
      node: 'v20',
      onnxruntime: '1',
      commit: 'abc',
    },
    ...{
      load: 0.25,
      command: 'npm run bench:scaling',
      natsServer: 'nats-server: v2',
      requests: 10,
      rounds: 3,
      dimensions: 1024,
      classes: 101,
    },
    throughput: [
      {
        ...{ replicas: 2, requests: about(500), recorded: 0.5, joined: about(50), learned: about(40) },
        versionMs: about(20),
        idleCores: { headwater: 0.1, nats: 0.05 },
        diskOverStored: 1.5,
      },
    ],
    comparisons: [
      { what: 'bytes', unit: 'bytes', replicas: 2, model: 100, measured: about(110) },
      { what: 'time', unit: 'ms', replicas: 1, model: undefined, measured: about(1) },
    ],
    handOverMs: 1234,
  };

  it('takes both tables, and says how far the model was off', () => {
    let page = readFileSync(join(ROOT, 'docs', 'scaling.md'), 'utf8');
    for (const section of scalingSections(result, EXAMPLES)) page = replaceSection(page, section);
    assert.match(page, /\| bytes \| 2 \| bytes \| 100 \| 110 \(55\.0 to 220\) \| 1\.10 \(0\.55 to 2\.20\) \|/);
    assert.match(page, /1234 ms from SIGTERM/);
    assert.match(page, /\| requests, labels a second \| given \| 5,000, 1,000 \| 5,000, 1,000 \| 1,000, 200 \|/);
  });

  it('its worked example is what the model says today', () => {
    const [, example] = scalingSections(result, EXAMPLES);
    const page = readFileSync(join(ROOT, 'docs', 'scaling.md'), 'utf8');
    assert.equal(replaceSection(page, example!), page, 'run npm run bench:scaling -- --write');
  });
});

describe('options of bench:scaling', () => {
  it('have defaults, and refuse what makes no sense', () => {
    assert.deepEqual(readOptions([]), { replicas: 3, rounds: 3, requests: 1000, write: false, json: false });
    assert.equal(readOptions(['--help']), undefined);
    assert.throws(() => readOptions(['--quick', '--write']), /not to be quoted/);
    assert.throws(() => readOptions(['--rounds', '0']), /whole number from 1/);
  });
});
