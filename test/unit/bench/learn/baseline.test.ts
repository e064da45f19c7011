import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { findPython, readBaseline } from '../../../../bench/learn/baseline.js';

const folder = mkdtempSync(join(tmpdir(), 'headwater-baseline-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function fileWith(name: string, content: string): { baseline: string } {
  const baseline = join(folder, name);
  writeFileSync(baseline, content);
  return { baseline };
}

describe('the offline baseline', () => {
  it('is absent where it never ran', () => {
    assert.equal(readBaseline({ baseline: join(folder, 'none.json') }, 3), undefined);
  });

  it('is read with what baseline.py writes beside it', () => {
    const written = { baseline: 'scikit-learn 1.2.1', top1: 0.5, folds: [{ C: 1 }], predictions: [2, 0, 1] };
    const read = readBaseline(fileWith('good.json', JSON.stringify(written)), 3);
    assert.deepEqual(read, { baseline: 'scikit-learn 1.2.1', predictions: [2, 0, 1] });
  });

  it('is never taken from a damaged file, nor from one of other samples', () => {
    const good = JSON.stringify({ baseline: 'scikit-learn', predictions: [2, 0, 1] });
    for (const content of ['', good.slice(0, -3), '{"baseline": "x", "predictions": [1, 2, "3"]}', '[]']) {
      assert.throws(() => readBaseline(fileWith('bad.json', content), 3), /bad\.json is damaged: delete it/);
    }
    assert.throws(() => readBaseline(fileWith('bad.json', good), 4), /is damaged/);
  });

  it('says how to get scikit-learn where there is none', () => {
    assert.throws(() => findPython([join(folder, 'no-python')]), /apt-get install python3-sklearn/);
  });
});
