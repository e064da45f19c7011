import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainArithmetic } from '../../../../src/learner/arithmetic/plain.js';
import { HeadFold } from '../../../../src/learner/fold/head-fold.js';
import { decodeModel } from '../../../../src/learner/fold/model-format.js';
import { classify } from '../../../../src/learner/head/classify.js';
import { argmax } from '../../../../src/learner/head/softmax.js';
import { inlineTrainer, type Trainer } from '../../../../src/learner/learners/refit/fit/trainer.js';
import { LearnerError } from '../../../../src/learner/types.js';
import { blobs } from '../../../contract/learner/blobs.js';
import { definitionOf, entryOf, logOf } from './samples.js';

const { learner } = definitionOf();

/** How much memory was allocated is of the process. */
function withoutBytes(fold: HeadFold) {
  const statistics = fold.statistics();
  return { ...statistics, candidates: statistics.candidates.map((candidate) => ({ ...candidate, bytes: 0 })) };
}

for (const train of ['auto', ['sgd', 'slda', 'rls', 'refit']] as const) {
  test(`restoring a snapshot anywhere and folding the rest gives the same bytes as folding straight through: ${train}`, () => {
    const definition = definitionOf({ learner: { ...learner, train } });
    const log = logOf(420);
    const straight = new HeadFold(definition);
    for (const { bytes, sequence } of log) straight.fold(bytes, sequence);
    const expected = straight.snapshot();
    for (const cut of [0, 1, 2, 59, 61, 200, 419, 420]) {
      const before = new HeadFold(definition);
      for (const { bytes, sequence } of log.slice(0, cut)) before.fold(bytes, sequence);
      const after = HeadFold.restore(definition, before.snapshot().state);
      assert.deepEqual(withoutBytes(after), withoutBytes(before));
      for (const { bytes, sequence } of log.slice(cut)) after.fold(bytes, sequence);
      assert.ok(
        Buffer.compare(after.snapshot().state, expected.state) === 0,
        `state differs after a restart at ${cut}`,
      );
      assert.ok(
        Buffer.compare(after.snapshot().model, expected.model) === 0,
        `model differs after a restart at ${cut}`,
      );
      assert.deepEqual(withoutBytes(after), withoutBytes(straight));
    }
  });
}

test('native and plain arithmetic, refits in time and late, end in the same bytes', async () => {
  const definition = definitionOf({ learner: { ...learner, train: ['sgd', 'slda', 'rls', 'refit'] } });
  const late: Trainer = {
    run: (job) => new Promise((resolve) => setImmediate(() => resolve(inlineTrainer.run(job)))),
  };
  const folds = [new HeadFold(definition), new HeadFold(definition, { arithmetic: plainArithmetic, trainer: late })];
  for (const { bytes, sequence } of logOf(300)) {
    for (const fold of folds) {
      await fold.waitsFor();
      fold.fold(bytes, sequence);
    }
  }
  await folds[1]?.settled();
  assert.deepEqual(folds[1]?.snapshot(), folds[0]?.snapshot());
});

test('the statistics of every candidate: judged before it learned, the champion first', () => {
  const fold = new HeadFold(definitionOf({ learner: { ...learner, train: ['sgd', 'slda', 'rls'] } }));
  for (const { bytes, sequence } of logOf(600)) fold.fold(bytes, sequence);
  const { champion, candidates, calibrationError, confusions, samples, prequentialAccuracy } = fold.statistics();
  assert.equal(candidates[0]?.name, champion);
  assert.deepEqual(candidates.map(({ name }) => name).sort(), ['blend', 'rls', 'sgd', 'slda']);
  const losses = candidates.slice(1).map(({ logLoss }) => logLoss);
  assert.deepEqual(
    losses,
    [...losses].sort((a, b) => a - b),
  );
  for (const { samples: judged, logLoss, bytes, name, weight } of candidates) {
    assert.equal(judged, samples - 1, name);
    assert.ok(logLoss > 0 && logLoss < Math.log(6), `${name}: ${logLoss}`);
    assert.ok(name === 'blend' ? weight === 0 : bytes > 0 && weight >= 0 && weight <= 1);
  }
  const sum = candidates.reduce((total, { weight }) => total + weight, 0);
  assert.ok(Math.abs(sum - 1) < 1e-9, `weights add up to ${sum}`);
  assert.ok(calibrationError > 0 && calibrationError < 0.15, `${calibrationError}`);
  const wrong = prequentialAccuracy[1]!.count * (1 - prequentialAccuracy[1]!.accuracy);
  const counted = confusions.reduce((total, { count }) => total + count, 0);
  assert.ok(counted > 0 && counted <= Math.round(wrong), `${counted} confusions of ${wrong} mistakes`);
});

test('what cannot be learned is skipped with its reason, and changes nothing but the count', () => {
  const fold = new HeadFold(definitionOf({ maxClasses: 2 }));
  for (const [i, label] of ['cat', 'dog'].entries()) fold.fold(entryOf({ label }), i + 1);
  const before = fold.model();
  const withNumber = (x: number) => new Float32Array(12).fill(1).fill(x, 4, 5);
  const cases = [
    [{ backboneIdentity: 'other' }, 'wrong_backbone'],
    [{ embedding: new Float32Array(11) }, 'wrong_dimensions'],
    [{ embedding: new Float32Array(0) }, 'wrong_dimensions'],
    [{ embedding: withNumber(Number.NaN) }, 'not_finite'],
    [{ embedding: withNumber(-Infinity) }, 'not_finite'],
    [{ label: '' }, 'no_label'],
    [{ label: 'bird' }, 'class_limit'],
  ] as const;
  for (const [i, [changes, reason]] of cases.entries()) {
    assert.deepEqual(fold.fold(entryOf(changes), 10 + i), { kind: 'skipped', reason });
  }
  assert.deepEqual(fold.model(), before);
  const { samples, skipped } = fold.statistics();
  assert.deepEqual([samples, skipped, fold.sequence], [2, cases.length, 10 + cases.length - 1]);
});

test('a fixed list: all classes answer from the start, in its order, and no other is learned', () => {
  const fold = new HeadFold(definitionOf({ classes: ['zebra', 'ant', '__proto__'] }));
  assert.deepEqual(fold.model().classes, ['zebra', 'ant', '__proto__']);
  assert.deepEqual(fold.fold(entryOf({ label: 'cat' }), 1), { kind: 'skipped', reason: 'unknown_class' });
  assert.deepEqual(fold.fold(entryOf({ label: '__proto__' }), 2), { kind: 'learned', classIndex: 2, correct: false });
  assert.equal(fold.statistics().classes[2]?.samples, 1);
  const restored = HeadFold.restore(definitionOf({ classes: ['zebra', 'ant', '__proto__'] }), fold.snapshot().state);
  assert.deepEqual(restored.statistics(), fold.statistics());
});

test('prequential accuracy tests before it trains, and a class never seen counts as wrong', () => {
  const fold = new HeadFold(definitionOf());
  assert.deepEqual(fold.fold(entryOf({ label: 'cat' }), 1), { kind: 'learned', classIndex: 0, correct: undefined });
  assert.deepEqual(fold.fold(entryOf({ label: 'cat' }), 2), { kind: 'learned', classIndex: 0, correct: true });
  assert.deepEqual(fold.fold(entryOf({ label: 'dog' }), 3), { kind: 'learned', classIndex: 1, correct: false });
  const { prequentialAccuracy, classes } = fold.statistics();
  assert.deepEqual(prequentialAccuracy, [
    { window: 100, count: 2, accuracy: 0.5 },
    { window: 1000, count: 2, accuracy: 0.5 },
  ]);
  assert.deepEqual(classes, [
    { name: 'cat', samples: 2, recent: 1, recall: 1 },
    { name: 'dog', samples: 1, recent: 1, recall: 0 },
  ]);
});

test('served accuracy compares the label with the answer; an empty answer stays out', () => {
  const fold = new HeadFold(definitionOf());
  const answers = ['', 'cat', 'dog', 'cat', undefined];
  for (const [i, predicted] of answers.entries()) {
    const served = predicted === undefined ? undefined : { version: 1, predicted, servedAtMs: 0 };
    fold.fold(entryOf({ label: 'cat', served }), i + 1);
  }
  const { servedLabelled, servedCorrect, servedAccuracy, samples } = fold.statistics();
  assert.deepEqual([samples, servedLabelled, servedCorrect], [5, 3, 2]);
  assert.deepEqual(servedAccuracy[0], { window: 100, count: 3, accuracy: 2 / 3 });
});

test('an entry that was folded already counts once', () => {
  const fold = new HeadFold(definitionOf());
  fold.fold(entryOf(), 7);
  const { state } = fold.snapshot();
  for (const sequence of [7, 3]) assert.deepEqual(fold.fold(entryOf(), sequence), { kind: 'repeated' });
  assert.deepEqual(fold.snapshot().state, state);
  for (const sequence of [0, -1, 1.5, Number.NaN]) assert.throws(() => fold.fold(entryOf(), sequence), LearnerError);
});

test('an entry of an unknown kind stops the fold, and leaves it as it was', () => {
  const fold = new HeadFold(definitionOf());
  fold.fold(entryOf(), 1);
  const { state } = fold.snapshot();
  assert.throws(
    () => fold.fold(Uint8Array.of((9 << 3) | 2, 0), 2),
    (error) => error instanceof LearnerError && error.code === 'log_mismatch',
  );
  assert.deepEqual(fold.snapshot().state, state);
});

test('the served model answers as the fold would', () => {
  const fold = new HeadFold(definitionOf());
  for (const { bytes, sequence } of logOf(500)) fold.fold(bytes, sequence);
  const model = decodeModel(fold.snapshot().model, definitionOf());
  const data = blobs(12, 6);
  let right = 0;
  for (let i = 0; i < 300; i++) {
    const name = model.classes[argmax(classify(model, data.embedding(i % 6)))];
    if (name === `class ${i % 6}`) right += 1;
  }
  assert.ok(right / 300 > 0.8, `${right} of 300 right`);
});

test('a snapshot of a head that has learned nothing can be restored and served', () => {
  const snapshot = new HeadFold(definitionOf()).snapshot();
  assert.deepEqual(decodeModel(snapshot.model).classes, []);
  assert.equal(HeadFold.restore(definitionOf(), snapshot.state).statistics().samples, 0);
});
