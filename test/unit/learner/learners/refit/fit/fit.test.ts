import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arithmetic } from '../../../../../../src/learner/arithmetic/arithmetic.js';
import { argmax } from '../../../../../../src/learner/head/softmax.js';
import { fit } from '../../../../../../src/learner/learners/refit/fit/fit.js';
import type { FitJob } from '../../../../../../src/learner/learners/refit/fit/fit-job.js';
import {
  firstPenalty,
  isChoiceDue,
  penalties,
} from '../../../../../../src/learner/learners/refit/fit/penalty-choice.js';
import {
  restandardised,
  type StandardisedClassifier,
  standardisationOf,
  withRows,
} from '../../../../../../src/learner/learners/refit/standardisation.js';
import { blobs } from '../../../../../contract/learner/blobs.js';
import { jobOf } from './fit-jobs.js';

/** By the definition: logits of one raw embedding. */
function logits({ mean, scale, weights, bias }: StandardisedClassifier, embedding: Float32Array): Float64Array {
  return bias.map((b, c) =>
    mean.reduce((sum, m, d) => sum + weights[c * mean.length + d]! * (embedding[d]! - m) * scale[d]!, b),
  );
}

function embeddingOf(job: FitJob, n: number): Float32Array {
  return job.embeddings.subarray(n * job.dimensions, (n + 1) * job.dimensions);
}

function accuracy(classifier: StandardisedClassifier, job: FitJob): number {
  const right = job.labels.filter((label, n) => argmax(logits(classifier, embeddingOf(job, n))) === label);
  return right.length / job.labels.length;
}

test('learns what can be learned', () => {
  const { classifier } = fit(jobOf());
  assert.ok(accuracy(classifier, jobOf()) > 0.98);
});

test('leaves its job as it is, and gives the same bits again, with any arithmetic', () => {
  const job = jobOf();
  const first = fit(job);
  assert.deepEqual(job, jobOf());
  assert.deepEqual(fit(job), first);
  assert.deepEqual(fit(job, arithmetic('plain')), first);
});

test('a start near the end takes fewer evaluations', () => {
  const job = { ...jobOf(), choosing: false };
  const first = fit(job);
  const second = fit({ ...job, start: first.classifier });
  assert.ok(second.evaluations < 0.7 * first.evaluations, `${second.evaluations} after ${first.evaluations}`);
});

test('a start that is far off does no harm', () => {
  const job = jobOf();
  const { classifier } = fit(job);
  const wild = { ...classifier, weights: classifier.weights.map((_, i) => (i % 2 ? 1e12 : -1e12)) };
  assert.ok(accuracy(fit({ ...job, start: wild }).classifier, job) > 0.98);
});

test('wants a strong penalty where classes can hardly be told apart, and a weak one where they are apart', () => {
  const shape = { members: 600, dimensions: 40, classes: 5 };
  const noisy = fit(jobOf({ ...shape, spread: 12 })).choice.index;
  const clean = fit(jobOf({ ...shape, spread: 0.3 })).choice.index;
  assert.ok(penalties[clean]! < penalties[noisy]!, `${penalties[clean]} and ${penalties[noisy]}`);
});

test('chooses no penalty by a handful of held-out members, and again when samples or classes have doubled, and now and then', () => {
  const due = (job: FitJob) => isChoiceDue(job, 4096);
  assert.ok(!due(jobOf({ members: 40 })));
  assert.ok(due(jobOf({ members: 200 })));
  const { choice } = fit(jobOf({ members: 200 }));
  assert.deepEqual([choice.samples, choice.classes], [200, 4]);
  assert.equal(fit({ ...jobOf({ members: 399 }), choosing: false, choice }).choice, choice);
  assert.ok(!due({ ...jobOf({ members: 399 }), choice }));
  assert.ok(due({ ...jobOf({ members: 400 }), choice }));
  assert.ok(due({ ...jobOf({ members: 250, classes: 8 }), choice }));
  const late = { ...jobOf({ members: 400 }), choice: { ...choice, samples: 20_000 } };
  assert.ok(!due({ ...late, samples: 28_191 }));
  assert.ok(due({ ...late, samples: 28_192 }));
});

test('with twice the classes, all penalties are tried again', () => {
  const job = jobOf({ members: 600, dimensions: 40, classes: 5, spread: 12 });
  const choice = { index: 0, side: 1 as const, samples: 600, classes: 2, classifier: undefined };
  assert.ok(fit({ ...job, choice }).choice.index > 1);
});

test('many classes are judged by members that were taught as well', () => {
  // In turn, so that evenly spaced members would be of a few of them.
  const classes = 300;
  const data = blobs(16, classes, 1, 0.2);
  const members = 3_000;
  const labels = Int32Array.from({ length: members }, (_, n) => n % classes);
  const embeddings = new Float32Array(members * 16);
  labels.forEach((c, n) => {
    embeddings.set(data.embedding(c), n * 16);
  });
  const heldOut = Int32Array.from(labels, (_, n) => (Math.floor(n / classes) % 5 === 2 ? 1 : 0));
  const job = { ...jobOf(), classes, dimensions: 16, embeddings, labels, heldOut, samples: members };
  const { choice } = fit({ ...job, sampleWeights: new Float64Array(members).fill(1) });
  // Clean classes want a weak one; what says nothing but how many there are wants the strongest.
  assert.ok(penalties[choice.index]! <= 30, `${penalties[choice.index]}`);
});

test('after the first choice, a neighbour at most is chosen', () => {
  const job = jobOf({ members: 600, dimensions: 40, classes: 5, spread: 12 });
  for (const index of [0, firstPenalty, penalties.length - 1]) {
    for (const side of [-1, 1] as const) {
      const next = fit({ ...job, choice: { index, side, samples: 10, classes: 5, classifier: undefined } }).choice;
      assert.ok(Math.abs(next.index - index) <= 1);
      assert.notEqual(penalties[next.index + next.side], undefined, 'the next try is inside the list');
    }
  }
});

test('what judges has not been taught before it judges', () => {
  // Held-out members are of a class of their own: a fit that had seen them would know it.
  const job = jobOf({ members: 300, classes: 3 });
  const labels = job.labels.map((label, n) => (job.heldOut[n] === 1 ? 2 : label % 2));
  const { choice, classifier } = fit({ ...job, labels });
  const backlog = ({ bias }: StandardisedClassifier) => Math.min(bias[0]!, bias[1]!) - bias[2]!;
  assert.ok(backlog(choice.classifier!) > 1, `${backlog(choice.classifier!)}`);
  assert.ok(backlog(classifier) < backlog(choice.classifier!) / 2, `${backlog(classifier)}`);
});

test('members that weigh more are fitted better', () => {
  const job = jobOf({ spread: 8, members: 150 });
  const heavy = 3;
  const sampleWeights = Float64Array.from(job.labels, (label) => (label === heavy ? 20 : 1));
  const recall = (classifier: StandardisedClassifier) =>
    job.labels.filter((label, n) => label === heavy && argmax(logits(classifier, embeddingOf(job, n))) === heavy)
      .length;
  assert.ok(recall(fit({ ...job, sampleWeights }).classifier) > recall(fit(job).classifier));
});

test('other constants leave a classifier what it is', () => {
  const { classifier } = fit(jobOf({ seed: 1 }));
  const other = jobOf({ seed: 2 });
  const moved = restandardised(classifier, standardisationOf(other.embeddings, 200, other.dimensions));
  assert.notDeepEqual(moved.scale, classifier.scale);
  for (let n = 0; n < 20; n++) {
    const before = logits(classifier, embeddingOf(other, n));
    for (const [c, logit] of logits(moved, embeddingOf(other, n)).entries()) {
      assert.ok(Math.abs(logit - before[c]!) < 1e-9 * Math.max(1, Math.abs(logit)), `${logit} for ${before[c]}`);
    }
  }
});

test('rows are taken in a new order, and new ones know nothing', () => {
  const { classifier } = fit(jobOf());
  const { weights, bias } = withRows(classifier, [2, undefined, 0]);
  assert.deepEqual(weights.subarray(0, 12), classifier.weights.subarray(24, 36));
  assert.deepEqual(weights.subarray(12, 24), new Float64Array(12));
  assert.deepEqual([...bias], [classifier.bias[2], 0, classifier.bias[0]]);
});

test('without any difference between members, everything stays finite', () => {
  const job = { ...jobOf(), embeddings: new Float32Array(200 * 12).fill(3) };
  const { classifier } = fit(job);
  assert.ok([...classifier.weights, ...classifier.bias].every(Number.isFinite));
});
