import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLASS_SERIES, classRecall } from '../../../src/server/metrics/head-metrics.js';
import { Metrics } from '../../../src/server/metrics/metrics.js';
import { FakeLearning } from '../../support/fake-learning.js';

const classOf = (name: string, recent: number, recall: number) => ({ name, samples: recent, recent, recall });

test('recall: the most frequent classes by name, the rest as other, weighted', () => {
  const many = Array.from({ length: CLASS_SERIES + 2 }, (_, index) => classOf(`c${index}`, 100 - index, 1));
  const series = classRecall([...many, classOf('rare', 1, 0), classOf('never', 0, 0)]);
  assert.equal(series.length, CLASS_SERIES + 1);
  const [name, recall] = series.at(-1)!;
  assert.equal(name, 'other');
  const [a, b] = [100 - CLASS_SERIES, 99 - CLASS_SERIES];
  assert.ok(Math.abs(recall - (a + b) / (a + b + 1)) < 1e-12, `${recall}`);
});

test('recall: a class called other is part of other', () => {
  assert.deepEqual(classRecall([classOf('other', 4, 0.5), classOf('cat', 4, 1)]), [
    ['cat', 1],
    ['other', 0.5],
  ]);
  assert.deepEqual(classRecall([]), []);
});

test('names that strangers choose are never a label value', async () => {
  const metrics = new Metrics();
  metrics.learn(new FakeLearning());
  metrics.request('evil"}\n', 'NOT_FOUND', 1);
  const observer = metrics.observer(() => {});
  observer.labelResult('evil', 'invalid');
  observer.deadLetter('evil', 'unknown_head');
  const text = await metrics.text();
  assert.doesNotMatch(text, /evil/);
  assert.match(text, /^headwater_requests_total\{model="unknown",code="NOT_FOUND"\} 1$/m);
  assert.match(text, /^headwater_labels_total\{head="unknown",result="invalid"\} 1$/m);
});

test('what was counted and timed is still there at the next scrape', async () => {
  const learning = new FakeLearning();
  const head = { name: 'h', backbone: 'b', backboneIdentity: 'i', dimensions: 1, maxClasses: 9 };
  learning.heads.add({ ...head, classes: 'open', learner: {} as never });
  const metrics = new Metrics();
  metrics.learn(learning);
  const observer = metrics.observer(() => {});
  const value = async (series: string) =>
    (await metrics.text())
      .split('\n')
      .find((line) => line.startsWith(`${series} `))
      ?.slice(series.length + 1);
  assert.equal(await value('headwater_label_delay_seconds_count{head="h"}'), '0');
  for (let count = 1; count <= 3; count++) {
    observer.labelDelay('h', 2);
    observer.labelResult('h', 'trained');
    observer.dropped('served_record');
    assert.equal(await value('headwater_label_delay_seconds_count{head="h"}'), `${count}`);
    assert.equal(await value('headwater_label_delay_seconds_sum{head="h"}'), `${2 * count}`);
    assert.equal(await value('headwater_labels_total{head="h",result="trained"}'), `${count}`);
    assert.equal(await value('headwater_dropped_total{what="served_record"}'), `${count}`);
    assert.equal(await value('headwater_head_samples_total{head="h"}'), '0');
  }
});

test('series of deleted heads go, those of the others and of unknown heads stay', async () => {
  const learning = new FakeLearning();
  const request = { backbone: 'b', backboneIdentity: 'i', dimensions: 1, maxClasses: 9, learner: {} as never };
  learning.heads.add({ ...request, name: 'stays', classes: 'open' });
  const metrics = new Metrics();
  metrics.learn(learning);
  const observer = metrics.observer(() => {});
  const use = (head: string) => {
    observer.labelResult(head, 'trained');
    observer.deadLetter(head, 'late');
    observer.labelDelay(head, 1);
    metrics.request(head, 'OK', 2, { decodeMs: 1, queueMs: 1, computeMs: 1 } as never);
    metrics.request(head, 'UNAVAILABLE', 2);
  };
  const series = async () =>
    (await metrics.text()).split('\n').filter((line) => /^headwater_.*(head|model)="/.test(line));
  use('stays');
  use('nobody');
  const before = await series();
  for (let round = 0; round < 20; round++) {
    learning.heads.add({ ...request, name: `h${round}`, classes: 'open' });
    use(`h${round}`);
    // Some are scraped while they exist, some never are.
    if (round % 3 === 0) assert.ok((await series()).some((line) => line.includes(`model="h${round}",code="OK"`)));
    await learning.heads.delete(`h${round}`, 0);
  }
  const after = await series();
  assert.deepEqual(after, before);
  assert.ok(after.some((line) => line === 'headwater_dead_letters_total{head="unknown",reason="late"} 1'));

  learning.heads.loaded = false;
  learning.heads.forget('stays');
  assert.ok((await series()).includes('headwater_labels_total{head="stays",result="trained"} 1'), 'not known yet');
});

test('a head that is made anew counts from 0', async () => {
  const learning = new FakeLearning();
  const request = { name: 'h', backbone: 'b', backboneIdentity: 'i', dimensions: 1, maxClasses: 9 };
  const add = () => learning.heads.add({ ...request, classes: 'open', learner: {} as never });
  const metrics = new Metrics();
  metrics.learn(learning);
  const observer = metrics.observer(() => {});
  add();
  observer.labelDelay('h', 1);
  await learning.heads.delete('h', 0);
  await metrics.text();
  add();
  assert.match(await metrics.text(), /^headwater_label_delay_seconds_count\{head="h"\} 0$/m);
});

test('learners: scores, the champion, promotions, drift, calibration, waits', async () => {
  const learning = new FakeLearning();
  const request = { name: 'h', backbone: 'b', backboneIdentity: 'i', dimensions: 1, maxClasses: 9 };
  const head = learning.heads.add({ ...request, classes: 'open', learner: {} as never });
  const model = { classes: ['a'], dimensions: 1, weights: new Float32Array(1), bias: new Float32Array(1) };
  const metrics = new Metrics();
  metrics.learn(learning);
  const series = async () => {
    const found = (await metrics.text()).split('\n').filter((line) => line.includes('{head="h"'));
    return new Map(
      found.map((line) => [line.slice(10, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
    );
  };
  const unlearned = await series();
  for (const name of ['champion_info', 'calibration_error']) {
    assert.ok(![...unlearned.keys()].some((key) => key.startsWith(name)), `${name} of a head that learned nothing`);
  }

  learning.heads.teach('h', model);
  const expected: [string, number][] = [
    ['learner_accuracy{head="h",learner="blend"}', 0.75],
    ['learner_accuracy{head="h",learner="sgd"}', 0.25],
    ['learner_log_loss{head="h",learner="slda"}', 0.5],
    ['champion_info{head="h",learner="blend"}', 1],
    ['promotions_total{head="h"}', 1],
    ['calibration_error{head="h"}', 0.125],
    ['drift_state{head="h"}', 1],
    ['head_taught{head="h"}', 1],
    ['refit_waits_total{head="h"}', 3],
    ['refit_wait_seconds_total{head="h"}', 0.25],
  ];
  const told = await series();
  for (const [name, value] of expected) assert.equal(told.get(name), value, name);

  // Another champion: its series takes the place of the one before. The head is taught elsewhere now.
  const promoted = { from: 'blend', to: 'rls', sequence: 30, samples: 29, reason: 'by an operator' } as const;
  head.statistics = { champion: 'rls', promotions: [promoted], drift: { level: 'drift', history: [] } };
  head.status = { taughtBy: 'elsewhere', waits: undefined };
  const later = await series();
  assert.deepEqual(
    [...later.keys()].filter((key) => key.startsWith('champion_info')),
    ['champion_info{head="h",learner="rls"}'],
  );
  assert.deepEqual([later.get('promotions_total{head="h"}'), later.get('drift_state{head="h"}')], [2, 2]);
  assert.equal((await series()).get('promotions_total{head="h"}'), 2, 'each counts once');
  assert.equal(later.get('head_taught{head="h"}'), 0);
  assert.ok(![...later.keys()].some((key) => key.startsWith('refit_wait')));
});

test('class names are escaped', async () => {
  const learning = new FakeLearning();
  const head = { name: 'h', backbone: 'b', backboneIdentity: 'i', dimensions: 1, maxClasses: 9 };
  learning.heads.add({ ...head, classes: 'open', learner: {} as never });
  learning.heads.teach('h', {
    classes: ['a"b\\c\nd'],
    dimensions: 1,
    weights: new Float32Array(1),
    bias: new Float32Array(1),
  });
  const metrics = new Metrics();
  metrics.learn(learning);
  assert.ok((await metrics.text()).includes('headwater_class_recall{head="h",class="a\\"b\\\\c\\nd"} 0.5'));
});
