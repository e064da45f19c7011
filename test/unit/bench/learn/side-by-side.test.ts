import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sideBySide } from '../../../../bench/learn/side-by-side.js';

describe('tasks side by side', () => {
  it('come out in their order, whoever did them', async () => {
    const doneBy: string[] = [];
    const results = await sideBySide([30, 1, 1, 1], ['a', 'b'], async (milliseconds, worker) => {
      doneBy.push(worker);
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
      return milliseconds * 10;
    });
    assert.deepEqual(results, [300, 10, 10, 10]);
    assert.deepEqual(new Set(doneBy), new Set(['a', 'b']));
  });

  it('are never two at a time on one worker', async () => {
    let busy = 0;
    await sideBySide([1, 2, 3], ['a'], async () => {
      busy += 1;
      assert.equal(busy, 1);
      await new Promise((resolve) => setImmediate(resolve));
      busy -= 1;
    });
  });

  it('end with the first that fails: none is begun after it', async () => {
    const begun: number[] = [];
    const work = sideBySide([1, 2, 3], ['a'], async (task) => {
      begun.push(task);
      if (task === 2) throw new Error('no luck');
    });
    await assert.rejects(work, /no luck/);
    assert.deepEqual(begun, [1, 2]);
  });
});
