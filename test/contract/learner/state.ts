import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LearnerError } from '../../../src/learner/types.js';
import { blobs } from './blobs.js';
import { addClasses, learn, type MakeLearner, predict, snapshot, taught } from './drive.js';

/** What a learner's state has to be: reproducible, portable, and about the classes there are. */
export function stateContract(name: string, make: MakeLearner): void {
  test(`${name}: the same samples give the same bits`, async () => {
    const one = await taught(make, 13, 4, 300);
    const two = await taught(make, 13, 4, 300);
    assert.deepEqual(await snapshot(one.learner), await snapshot(two.learner));
    const other = await taught(make, 13, 4, 300, 2);
    assert.notDeepEqual(await snapshot(one.learner), await snapshot(other.learner));
  });

  test(`${name}: what is asked of it leaves no trace`, async () => {
    const asked = await taught(make, 13, 4, 0);
    const quiet = await taught(make, 13, 4, 0);
    for (let i = 0; i < 150; i++) {
      const embedding = asked.data.embedding(i % 4);
      await predict(asked.learner, embedding);
      if (i % 10 === 0) asked.learner.serving();
      if (i % 30 === 0) await snapshot(asked.learner);
      await learn(asked.learner, embedding, i % 4);
      await learn(quiet.learner, embedding, i % 4);
    }
    assert.deepEqual(await snapshot(asked.learner), await snapshot(quiet.learner));
  });

  test(`${name}: nor does it when classes come and go, at whatever sample`, async () => {
    const data = blobs(6, 5);
    const [asked, quiet] = [make(6), make(6)];
    for (const each of [asked, quiet]) addClasses(each, 4);
    for (let i = 0; i < 260; i++) {
      const c = data.randomClass(4);
      const embedding = data.embedding(c);
      for (const each of [asked, quiet]) await learn(each, embedding, c);
      await predict(asked, embedding);
      asked.serving();
      for (const each of [asked, quiet]) {
        if (i % 2) each.removeClass(4);
        else each.addClass();
      }
      assert.deepEqual(await snapshot(asked), await snapshot(quiet), `after ${i + 1} samples`);
    }
  });

  // 5: amid the warm-up of those that have one; 137: amid their pending updates.
  for (const samples of [0, 5, 137, 700]) {
    test(`${name}: goes on from a snapshot of ${samples} samples as if nothing had happened`, async () => {
      const { learner, data } = await taught(make, 13, 4, samples);
      const state = await snapshot(learner);
      const restored = make(13, { metadata: JSON.parse(JSON.stringify(state.metadata)), arrays: state.arrays });
      assert.equal(restored.classCount, 4);
      for (let i = 0; i < 150; i++) {
        // Neither a class that is new after the restart nor one that goes may matter.
        if (i === 60) for (const each of [learner, restored]) each.addClass();
        if (i === 100) for (const each of [learner, restored]) each.removeClass(0);
        const c = i >= 100 ? i % 4 : i > 60 && i % 9 === 0 ? 4 : data.randomClass();
        const embedding = data.embedding(c % 4);
        await learn(learner, embedding, c);
        await learn(restored, embedding, c);
      }
      assert.deepEqual(await snapshot(restored), await snapshot(learner));
    });
  }

  test(`${name}: a snapshot does not change with the learner, nor the learner with a snapshot`, async () => {
    const { learner, data } = await taught(make, 13, 4, 100);
    const state = await snapshot(learner);
    const before = structuredClone(state);
    const restored = make(13, state);
    const embedding = data.embedding(2);
    for (const each of [learner, restored]) await learn(each, embedding, 2);
    assert.deepEqual(state, before);
    assert.notDeepEqual(await snapshot(learner), before);
    for (const array of Object.values(state.arrays)) array.fill(0);
    assert.deepEqual(await snapshot(restored), await snapshot(learner));
  });

  test(`${name}: refuses a state that is not its own`, async () => {
    const { learner } = await taught(make, 13, 4, 100);
    const { metadata, arrays } = await snapshot(learner);
    const corrupt = (error: unknown) => error instanceof LearnerError && error.code === 'snapshot_corrupt';
    assert.throws(() => make(13, { metadata: {}, arrays }), corrupt);
    assert.throws(() => make(14, { metadata, arrays }), corrupt);
    const names = Object.keys(arrays);
    assert.ok(names.length > 0);
    for (const each of names) {
      const others = Object.fromEntries(Object.entries(arrays).filter(([other]) => other !== each));
      assert.throws(() => make(13, { metadata, arrays: others }), corrupt, each);
      if (arrays[each]!.length === 0) continue;
      const cut = { ...arrays, [each]: arrays[each]!.slice(1) };
      assert.throws(() => make(13, { metadata, arrays: cut }), corrupt, each);
    }
  });

  for (const samples of [20, 400]) {
    test(`${name}: a class that is removed after ${samples} samples leaves the others as they were`, async () => {
      const { learner, data } = await taught(make, 20, 5, 0);
      for (let i = 0; i < samples; i++) await learn(learner, data.embedding(i % 5), i % 5);
      const embeddings = Array.from({ length: 20 }, (_, i) => data.embedding(i % 5));
      const before: Float64Array[] = [];
      for (const embedding of embeddings) before.push(await predict(learner, embedding));
      learner.removeClass(1);
      assert.equal(learner.classCount, 4);
      for (const [i, embedding] of embeddings.entries()) {
        const after = await predict(learner, embedding);
        assert.deepEqual([...after], [...before[i]!].toSpliced(1, 1));
      }
      // A new class in its place begins from nothing.
      assert.equal(learner.addClass(), 4);
      const restored = make(20, await snapshot(learner));
      for (let i = 0; i < 300; i++) {
        const c = data.randomClass();
        const moved = c === 1 ? 4 : c > 1 ? c - 1 : c;
        for (const each of [learner, restored]) await learn(each, data.embedding(c), moved);
      }
      assert.equal(learner.classCount, 5);
      learner.removeClass(4);
      learner.removeClass(0);
      assert.equal((await predict(learner, data.embedding(2))).length, 3);
    });
  }

  test(`${name}: all classes can go, and new ones come`, async () => {
    const { learner, data } = await taught(make, 13, 2, 90);
    learner.removeClass(1);
    learner.removeClass(0);
    assert.equal((await predict(learner, data.embedding(0))).length, 0);
    const restored = make(13, await snapshot(learner));
    addClasses(restored, 2);
    for (let i = 0; i < 100; i++) await learn(restored, data.embedding(i % 2), i % 2);
    assert.ok((await predict(restored, data.embedding(0))).every(Number.isFinite));
    assert.throws(() => learner.removeClass(0), RangeError);
  });

  test(`${name}: says what memory it takes`, async () => {
    const few = make(64);
    addClasses(few, 2);
    const many = make(64);
    addClasses(many, 200);
    const data = blobs(64, 2);
    for (const each of [few, many]) for (let i = 0; i < 100; i++) await learn(each, data.embedding(i % 2), i % 2);
    assert.ok(few.bytes > 0 && many.bytes >= few.bytes + 190 * 64 * 8, `${few.bytes}, ${many.bytes}`);
  });
}
