import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Plain } from '../../../../src/engine/plan/arena.js';
import { plainRegion, StepList } from '../../../../src/engine/plan/arena.js';
import { ConstantPool } from '../../../../src/engine/plan/constants.js';
import { seededRandom } from '../../../../src/server/data/random.js';

/** A step that reads and writes plain regions. */
function copy(steps: StepList, input: Plain, output: Plain): void {
  steps.emit((at) => ({
    kind: 'plainCopy',
    input: at.plain(input),
    output: at.plain(output),
    dims: [1],
    inputStrides: [1],
    outputStrides: [1],
  }));
}

test('regions that are alive at the same step never overlap', () => {
  let reused = 0;
  for (let seed = 1; seed <= 30; seed++) {
    const random = seededRandom(seed);
    const below = (count: number) => Math.floor(random() * count);
    const steps = new StepList();
    const regions = Array.from({ length: 12 }, () => plainRegion(1 + below(300)));
    const uses: [number, number][] = Array.from({ length: 30 }, () => [below(12), below(12)]);
    for (const [input, output] of uses) copy(steps, regions[input]!, regions[output]!);
    const output = regions[uses.at(-1)![1]]!;
    const placed = steps.finish(output);
    const offsets = new Map<number, number>();
    for (const [index, step] of placed.steps.entries()) {
      assert.ok(step.kind === 'plainCopy');
      offsets.set(uses[index]![0], step.input).set(uses[index]![1], step.output);
    }
    assert.equal(placed.outputOffset, offsets.get(uses.at(-1)![1]));
    const alive = Array.from(offsets, ([region, offset]) => {
      const at = uses.flatMap((pair, index) => (pair.includes(region) ? [index] : []));
      const to = regions[region] === output ? 30 : Math.max(...at);
      return { offset, end: offset + 16 * regions[region]!.region.vectors, from: Math.min(...at), to };
    });
    for (const [index, left] of alive.entries()) {
      assert.equal(left.offset % 16, 0);
      assert.ok(left.end <= 16 * placed.arenaVectors);
      for (const right of alive.slice(index + 1)) {
        const apart = left.end <= right.offset || right.end <= left.offset;
        if (left.to < right.from || right.to < left.from) reused += apart ? 0 : 1;
        else assert.ok(apart, `seed ${seed}`);
      }
    }
  }
  assert.ok(reused > 10, `memory was used again ${reused} times`);
});

test('an arena of more than 2 GiB is refused', () => {
  const steps = new StepList();
  const [input, output] = [plainRegion(2 ** 29), plainRegion(2 ** 29)];
  copy(steps, input, output);
  assert.throws(() => steps.finish(output), /more than 2 GiB/);
});

test('constants are aligned, and equal tables are stored once', () => {
  const pool = new ConstantPool();
  const first = pool.share(Int32Array.of(1, 2, 3));
  const weights = pool.add(Float32Array.of(1.5));
  assert.deepEqual(pool.share(Int32Array.of(1, 2, 3)), first);
  const other = pool.share(Int32Array.of(1, 2, 4));
  assert.deepEqual([first.offset, weights.offset, other.offset], [0, 64, 128]);
  const bytes = pool.finish();
  assert.equal(bytes.length, 192);
  assert.equal(new Float32Array(bytes.buffer, 64, 1)[0], 1.5);
  assert.deepEqual([...new Int32Array(bytes.buffer, 128, 3)], [1, 2, 4]);
});
