import assert from 'node:assert/strict';
import { test } from 'node:test';
import { packDense, packDenseBias, packDenseLinear } from '../../../../src/engine/plan/pack-dense.js';
import type { PackedSparse, PackSparseOptions, WeightShape } from '../../../../src/engine/plan/pack-sparse.js';
import { packSparse, packSparseLinear } from '../../../../src/engine/plan/pack-sparse.js';
import { seededRandom } from '../../../../src/server/data/random.js';

function sparseWeights(length: number, density: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  // Zeros of both signs, and values so small that only their bits tell them from zero.
  return Float32Array.from({ length }, () => {
    if (random() >= density) return random() < 0.5 ? 0 : -0;
    return random() < 0.1 ? 1e-45 : 2 * random() - 1;
  });
}

type Offset = PackSparseOptions['tapOffset'];

/** Reads the tables back into [filters, channels, height, width], checking what plan.ts says of them. */
function unpack(packed: PackedSparse, [filters, channels, height, width]: WeightShape, tapOffset: Offset) {
  const weights = new Float32Array(filters * channels * height * width);
  const taps = new Map<number, number>();
  for (let tap = 0; tap < channels * height * width; tap++) {
    const [channel, row] = [Math.floor(tap / (height * width)), Math.floor(tap / width) % height];
    taps.set(tapOffset(channel, row, tap % width), tap);
  }
  const stripeOf = new Map<number, number>();
  const listed = new Set<string>();
  for (let part = 0; part < packed.blocks * packed.stripes; part++) {
    const [block, stripe] = [Math.floor(part / packed.stripes), part % packed.stripes];
    let at = packed.starts[2 * part + 1]!;
    for (let row = packed.starts[2 * part]!; row < packed.starts[2 * part + 2]!; row++) {
      const [filter, count] = [packed.rows[2 * row]!, packed.rows[2 * row + 1]!];
      assert.ok(!listed.has(`${block} ${filter}`), 'a block lists a filter twice');
      listed.add(`${block} ${filter}`);
      assert.equal(stripeOf.get(filter) ?? stripe, stripe, 'a filter changes its stripe');
      stripeOf.set(filter, stripe);
      for (const end = at + count; at < end; at++) {
        const tap = taps.get(packed.bases[block]! + packed.offsets[at]!);
        assert.ok(tap !== undefined, 'an offset that is no tap');
        assert.equal(weights[filter * channels * height * width + tap], 0, 'a weight twice');
        weights[filter * channels * height * width + tap] = packed.values[at]!;
      }
    }
    assert.equal(at, packed.starts[2 * part + 3]);
  }
  assert.equal(listed.size, packed.blocks * filters, 'a filter is missing');
  return weights;
}

const shapes: WeightShape[] = [
  [1, 1, 1, 1],
  [5, 7, 3, 3],
  [64, 130, 1, 1],
  [33, 20, 3, 5],
  [40, 3, 7, 7],
];

test('packed sparse weights are the same weights', () => {
  for (const [index, shape] of shapes.entries()) {
    const [filters, channels, height, width] = shape;
    const weights = sparseWeights(filters * channels * height * width, 0.2, index);
    const tapOffset: Offset = (channel, row, column) => row * 4000 + channel * 9 + column;
    for (const order of ['natural', 'byCount'] as const) {
      for (const [blockChannels, stripes] of [
        [4, 1],
        [50, 3],
        [1000, 8],
      ] as const) {
        const packed = packSparse(weights, shape, { tapOffset, blockChannels, stripes, order });
        const unpacked = unpack(packed, shape, tapOffset);
        assert.ok(
          unpacked.every((value, at) => value === weights[at]),
          `${shape} ${order}`,
        );
        assert.equal(packed.blocks, Math.ceil(channels / blockChannels));
        assert.equal(packed.stripes, Math.min(stripes, filters));
        assert.deepEqual([...packed.values.slice(-8)], new Array(8).fill(0));
        assert.deepEqual([...packed.offsets.slice(-8)], new Array(8).fill(0));
      }
    }
  }
});

test('offsets that need more than 16 bits cut blocks by kernel rows, then by channels', () => {
  const shape: WeightShape = [6, 16, 3, 3];
  const weights = sparseWeights(6 * 16 * 9, 0.5, 3);
  const cut = (rowPitch: number, channelPitch: number) => {
    const tapOffset: Offset = (channel, row, column) => row * rowPitch + channel * channelPitch + column;
    const packed = packSparse(weights, shape, { tapOffset, blockChannels: 8, stripes: 2, order: 'natural' });
    const unpacked = unpack(packed, shape, tapOffset);
    assert.ok(unpacked.every((value, at) => value === weights[at]));
    return packed.blocks;
  };
  assert.equal(cut(1000, 10), 2);
  assert.equal(cut(40_000, 10), 2 * 3);
  assert.equal(cut(400_000, 20_000), 2 * 3 * 2);
});

test('stripes have about equally many non-zeros, and filters without any are listed', () => {
  const shape: WeightShape = [64, 32, 1, 1];
  // The first filters are dense, the last ones empty.
  const weights = Float32Array.from({ length: 64 * 32 }, (_, at) => {
    const filter = Math.floor(at / 32);
    return filter < 16 || (filter < 48 && at % 8 === 0) ? 1 : 0;
  });
  const tapOffset: Offset = (channel) => channel;
  const packed = packSparse(weights, shape, { tapOffset, blockChannels: 32, stripes: 4, order: 'natural' });
  assert.ok(unpack(packed, shape, tapOffset).every((value, at) => value === weights[at]));
  const counts = [0, 1, 2, 3].map((part) => packed.starts[2 * part + 3]! - packed.starts[2 * part + 1]!);
  const rows = [0, 1, 2, 3].map((part) => packed.starts[2 * part + 2]! - packed.starts[2 * part]!);
  assert.ok(counts[0]! <= 192 && counts[0]! >= 128, counts.join());
  assert.ok(rows[3]! > 2 * rows[0]!, rows.join());
});

test('byCount puts the longest rows first', () => {
  const weights = sparseWeights(32 * 64, 0.3, 9);
  const options = { tapOffset: (channel: number) => channel, blockChannels: 64, stripes: 2, order: 'byCount' } as const;
  const { rows, starts } = packSparse(weights, [32, 64, 1, 1], options);
  const counts = Array.from({ length: starts[2]! }, (_, row) => rows[2 * row + 1]!);
  assert.ok(counts.length > 8);
  assert.deepEqual(
    counts,
    counts.toSorted((left, right) => right - left),
  );
});

test('dense weights lie in blocks of four filters, those of a matrix product in blocks of 16 outputs', () => {
  const weights = Float32Array.from({ length: 6 * 2 * 9 }, (_, at) => at + 1);
  const packed = packDense(weights, 6);
  assert.equal(packed.length, 2 * 4 * 2 * 9);
  for (const [filter, tap] of [
    [0, 0],
    [3, 17],
    [5, 4],
  ] as const) {
    assert.equal(packed[(Math.floor(filter / 4) * 18 + tap) * 4 + (filter % 4)], filter * 18 + tap + 1);
  }
  assert.equal(packed[(18 + 3) * 4 + 2], 0, 'filter 6 does not exist');
  assert.deepEqual([...packDenseBias(Float32Array.of(1, 2, 3, 4, 5))], [1, 2, 3, 4, 5, 0, 0, 0]);
  const matrix = packDenseLinear(
    Float32Array.from({ length: 17 * 3 }, (_, at) => at),
    17,
  );
  assert.equal(matrix.length, 2 * 3 * 16);
  assert.equal(matrix[3 * 16 + 2 * 16], 16 * 3 + 2);
});

test('a sparse matrix is listed by output', () => {
  const packed = packSparseLinear(Float32Array.of(0, 2, 0, 0, 0, 0, 3, 0, 4), 3, 3);
  assert.deepEqual([...packed.starts], [0, 1, 1, 3]);
  assert.deepEqual([...packed.indices], [1, 0, 2]);
  assert.deepEqual([...packed.values], [2, 3, 4]);
});
