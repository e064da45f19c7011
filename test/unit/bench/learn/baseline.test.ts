import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { baselinesOf, findPython, readBaseline } from '../../../../bench/learn/baseline.js';

const folder = mkdtempSync(join(tmpdir(), 'headwater-baseline-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function fileWith(name: string, content: string): string {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
}

describe('the offline baseline', () => {
  it('is absent where it never ran', () => {
    assert.equal(readBaseline(join(folder, 'none.json'), 3), undefined);
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

  it('needs no Python for what is in the cache', async () => {
    const result = fileWith('cached.json', JSON.stringify({ baseline: 'cached', predictions: [1, -1] }));
    const fit = { name: 'a', embeddings: { values: 'none', info: 'none' }, samples: 2, result };
    const lines: string[] = [];
    const { found, problem } = await baselinesOf([fit], 1, (line) => lines.push(line));
    assert.deepEqual(found.get(fit), { baseline: 'cached', predictions: [1, -1] });
    assert.equal(problem, undefined);
    assert.deepEqual(lines, []);
  });

  it('says how to get scikit-learn where there is none', () => {
    assert.throws(() => findPython([join(folder, 'no-python')]), /apt-get install python3-sklearn/);
  });
});
