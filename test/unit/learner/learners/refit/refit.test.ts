import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arithmetic } from '../../../../../src/learner/arithmetic/arithmetic.js';
import { argmax } from '../../../../../src/learner/head/softmax.js';
import type { LearnerState } from '../../../../../src/learner/learners/learner.js';
import { fit } from '../../../../../src/learner/learners/refit/fit/fit.js';
import type { FitJob, FitResult } from '../../../../../src/learner/learners/refit/fit/fit-job.js';
import { noChoice } from '../../../../../src/learner/learners/refit/fit/penalty-choice.js';
import { ThreadTrainer } from '../../../../../src/learner/learners/refit/fit/thread-trainer.js';
import { inlineTrainer, type Trainer } from '../../../../../src/learner/learners/refit/fit/trainer.js';
import { RefitLearner } from '../../../../../src/learner/learners/refit/refit.js';
import { type Blobs, blobs } from '../../../../contract/learner/blobs.js';
import { addClasses, learn, predict, snapshot, upTo } from '../../../../contract/learner/drive.js';

const dimensions = 12;
// Starts at 32, 64, 96, 144, ...; due 32 samples after that.
const options = { capacity: 1000, growth: 1.5, delay: 0.1 };

/** Does a job when it is told to. */
class PatientTrainer implements Trainer {
  readonly jobs: { readonly job: FitJob; finish(): void; fail(error: Error): void }[] = [];

  run(job: FitJob): Promise<FitResult> {
    return new Promise((resolve, reject) => {
      this.jobs.push({ job, finish: () => resolve(fit(job)), fail: reject });
    });
  }
}

function learnerWith(trainer: Trainer, state?: LearnerState, changes = {}): RefitLearner {
  return new RefitLearner(dimensions, { ...options, ...changes }, arithmetic(), trainer, state);
}

function withClasses(trainer: Trainer, classes = 4, changes = {}): RefitLearner {
  const learner = learnerWith(trainer, undefined, changes);
  addClasses(learner, classes);
  return learner;
}

function teach(learner: RefitLearner, data: Blobs, samples: number, classes = 4): void {
  for (let i = 0; i < samples; i++) {
    const c = data.randomClass(classes);
    learner.learnOne(data.embedding(c), c);
  }
}

test('a refit starts at its count, and nothing waits for it before it is due', () => {
  const trainer = new PatientTrainer();
  const learner = withClasses(trainer);
  const data = blobs(dimensions, 4);
  teach(learner, data, 31);
  assert.equal(trainer.jobs.length, 0);
  assert.equal(learner.settled(), undefined);
  teach(learner, data, 1);
  assert.equal(trainer.jobs.length, 1);
  assert.equal(trainer.jobs[0]!.job.labels.length, 32);
  assert.equal(learner.waitsFor(), undefined);
  teach(learner, data, 31);
  assert.equal(learner.waitsFor(), undefined);
  teach(learner, data, 1);
  assert.ok(learner.waitsFor() instanceof Promise);
  assert.throws(() => learner.learnOne(data.embedding(0), 0), /await waitsFor/);
  assert.throws(() => learner.predict(data.embedding(0)), /await waitsFor/);
  assert.throws(() => learner.serving(), /await waitsFor/);
});

test('a result is installed at its sample, however early it is there', async () => {
  const trainer = new PatientTrainer();
  const [early, without] = [withClasses(trainer), withClasses(new PatientTrainer())];
  const [data, same] = [blobs(dimensions, 4), blobs(dimensions, 4)];
  teach(early, data, 32);
  teach(without, same, 32);
  trainer.jobs[0]!.finish();
  await early.settled();
  for (let n = 33; n <= 63; n++) {
    teach(early, data, 1);
    teach(without, same, 1);
    assert.deepEqual(early.serving(), without.serving(), `after ${n} samples`);
  }
  teach(early, data, 1);
  teach(without, same, 1);
  assert.equal(early.waitsFor(), undefined);
  assert.ok(without.waitsFor() instanceof Promise);
  const [installed, { classifier }] = [early.serving(), fit(trainer.jobs[0]!.job)];
  for (let i = 0; i < installed.weights.length; i++) {
    const expected = classifier.weights[i]! * classifier.scale[i % dimensions]!;
    assert.ok(Math.abs(installed.weights[i]! - expected) <= 1e-6 * Math.abs(expected), `weight ${i}`);
  }
});

test('however slow the refits are, the state is the same to the last bit', async (t) => {
  const thread = new ThreadTrainer();
  t.after(() => thread.terminate());
  const slow: Trainer = {
    run: async (job) => {
      await new Promise((resolve) => setTimeout(resolve, 30));
      return fit(job);
    },
  };
  const states = [inlineTrainer, thread, slow].map(async (trainer) => {
    const learner = withClasses(trainer, 5, { capacity: 150 });
    const data = blobs(dimensions, 6);
    for (let i = 0; i < 500; i++) {
      if (i === 100) learner.addClass();
      const c = data.randomClass(i < 100 ? 5 : 6);
      await learn(learner, data.embedding(c), c);
      if (i % 3 === 0) await predict(learner, data.embedding(0));
      if (i === 200 || i === 34) learner.removeClass(3);
      if (i === 200 || i === 34) learner.addClass();
      if (i === 300) learner.forget({ recent: 40, lost: 0.75 });
    }
    return snapshot(learner);
  });
  const [inline, ...others] = await Promise.all(states);
  for (const other of others) assert.deepEqual(other, inline);
});

test('the job does not see what the learner learns meanwhile', async () => {
  const trainer = new PatientTrainer();
  const learner = withClasses(trainer, 4, { capacity: 20 });
  const data = blobs(dimensions, 4);
  teach(learner, data, 32);
  const { job } = trainer.jobs[0]!;
  const before = structuredClone(job);
  teach(learner, data, 2);
  learner.removeClass(1);
  assert.deepEqual(job, before);
});

test('a snapshot is refused while a refit runs, and keeps a result that is not installed yet', async () => {
  const trainer = new PatientTrainer();
  const learner = withClasses(trainer);
  const data = blobs(dimensions, 4);
  teach(learner, data, 33);
  assert.throws(() => learner.snapshot(), /await settled/);
  trainer.jobs[0]!.finish();
  const state = await snapshot(learner);
  const restored = learnerWith(inlineTrainer, structuredClone(state));
  const same = withClasses(inlineTrainer);
  teach(same, blobs(dimensions, 4), 33);
  assert.deepEqual(same.snapshot(), state);
  const later = blobs(dimensions, 4, 3);
  const again = blobs(dimensions, 4, 3);
  teach(restored, later, 200);
  teach(same, again, 200);
  assert.deepEqual(restored.snapshot(), same.snapshot());
});

test('a restored learner goes on at every sample of a refit as the one that was not', () => {
  for (let samples = 30; samples <= 55; samples++) {
    const learner = withClasses(inlineTrainer);
    const data = blobs(dimensions, 4);
    teach(learner, data, samples);
    const restored = learnerWith(inlineTrainer, structuredClone(learner.snapshot()));
    for (let i = 0; i < 30; i++) {
      const c = i % 4;
      const embedding = data.embedding(c);
      learner.learnOne(embedding, c);
      restored.learnOne(embedding, c);
    }
    assert.deepEqual(restored.snapshot(), learner.snapshot(), `from ${samples} samples`);
  }
});

test('classes that come or go while a refit runs keep what they have', async () => {
  const trainer = new PatientTrainer();
  const learner = withClasses(trainer, 4, { delay: 0.5 });
  const data = blobs(dimensions, 6, 1, 0.2);
  teach(learner, data, 32);
  learner.removeClass(1);
  const added = learner.addClass();
  for (let i = 0; i < 15; i++) {
    // Classes 0, 2, 3 of the data are 0, 1, 2 now, and its class 4 is the new one.
    const [of, c] = [
      [0, 0],
      [2, 1],
      [3, 2],
      [4, added],
    ][i % 4]! as [number, number];
    learner.learnOne(data.embedding(of), c);
  }
  teach(learner, data, 1, 1);
  trainer.jobs[0]!.finish();
  await learner.waitsFor();
  for (const [of, c] of [
    [0, 0],
    [2, 1],
    [3, 2],
    [4, added],
  ] as const) {
    const right = upTo(20).filter(() => argmax(learner.predict(data.embedding(of))) === c).length;
    assert.ok(right >= 18, `class ${of}: ${right} of 20`);
  }
});

test('when the world changes, a refit of the new one starts at once, and the one that ran is given up', async () => {
  const trainer = new PatientTrainer();
  const learner = withClasses(trainer);
  const data = blobs(dimensions, 4);
  teach(learner, data, 34);
  learner.forget({ recent: 20, lost: 0.75 });
  assert.equal(trainer.jobs.length, 2);
  const { job } = trainer.jobs[1]!;
  // The newest 20, and so many of each class that it has 8.
  assert.ok(job.labels.length >= 20 && job.labels.length < 34, `${job.labels.length} members`);
  const earlier = trainer.jobs[0]!.job.labels;
  for (const c of upTo(4)) {
    const [kept, had] = [job.labels, earlier].map((labels) => labels.filter((label) => label === c).length);
    assert.ok(kept! >= Math.min(8, had!), `${kept} of class ${c}, which had ${had}`);
  }
  trainer.jobs[0]!.finish();
  const before = learner.serving();
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(learner.settled() instanceof Promise, 'the second one runs');
  teach(learner, data, 31);
  assert.equal(learner.waitsFor(), undefined);
  teach(learner, data, 1);
  assert.ok(learner.waitsFor() instanceof Promise);
  trainer.jobs[1]!.finish();
  await learner.waitsFor();
  assert.notDeepEqual(learner.serving(), before);
});

test('a false alarm costs nothing, and a slight change a part', () => {
  const data = blobs(dimensions, 4);
  const sizeAfter = (lost: number) => {
    const trainer = new PatientTrainer();
    const learner = withClasses(trainer);
    teach(learner, data, 60);
    learner.forget({ recent: 20, lost });
    return trainer.jobs[1]?.job.labels.length;
  };
  assert.equal(sizeAfter(0.02), undefined, 'nothing happened');
  const [slight, heavy] = [sizeAfter(0.45), sizeAfter(0.9)];
  assert.ok(slight! > heavy! && slight! < 60, `${slight} and ${heavy} of 60`);
});

test('a refit that fails is told to whoever waits', async () => {
  const trainer = new PatientTrainer();
  const learner = withClasses(trainer);
  teach(learner, blobs(dimensions, 4), 64);
  trainer.jobs[0]!.fail(new Error('no more memory'));
  await assert.rejects(async () => learner.waitsFor(), /no more memory/);
  await assert.rejects(async () => learner.settled(), /no more memory/);
});

test('at the end of a pass it is as good as a fit to everything', () => {
  const size = 40;
  const classes = 12;
  const data = blobs(size, classes, 4, 1.6);
  const learner = new RefitLearner(size, options, arithmetic(), inlineTrainer);
  addClasses(learner, classes);
  const samples = 700;
  const embeddings = new Float32Array(samples * size);
  const labels = new Int32Array(samples);
  for (let n = 0; n < samples; n++) {
    const c = data.randomClass();
    const embedding = data.embedding(c);
    labels[n] = c;
    embeddings.set(embedding, n * size);
    learner.learnOne(embedding, c);
  }
  const { classifier } = fit({
    classes,
    dimensions: size,
    embeddings,
    labels,
    sampleWeights: new Float64Array(samples).fill(1),
    heldOut: Int32Array.from(labels, (_, n) => (n % 5 === 0 ? 1 : 0)),
    start: undefined,
    choice: noChoice,
    choosing: true,
    samples,
  });
  const { mean, scale, weights, bias } = classifier;
  let [online, offline] = [0, 0];
  const tests = 1000;
  for (let i = 0; i < tests; i++) {
    const c = i % classes;
    const embedding = data.embedding(c);
    if (argmax(learner.predict(embedding)) === c) online += 1;
    const logits = bias.map((b, k) =>
      mean.reduce((sum, m, d) => sum + weights[k * size + d]! * (embedding[d]! - m) * scale[d]!, b),
    );
    if (argmax(logits) === c) offline += 1;
  }
  assert.ok(offline > 0.5 * tests && offline < 0.95 * tests, `${offline} of ${tests}: neither hopeless nor easy`);
  assert.ok(online >= offline - 0.03 * tests, `${online} right, ${offline} by the fit to everything`);
});
