import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Constants, ExecutorOptions, Plan, RunItem, Step } from '../../../src/native/index.js';
import { encodePlan, mostThreads } from '../../../src/native/index.js';
import { native, options, rawAddon, skip, withExecutor } from './addon.js';
import { everyStep, heavy, nearlyEmpty, normalise, onePixel, pixels } from './plans.js';

type StepOf<Kind extends Step['kind']> = Extract<Step, { kind: Kind }>;

/** A plan whose first step of a kind is changed; `constants` gives a list of the plan's constants, to be written to. */
function broken<Kind extends Step['kind']>(
  kind: Kind,
  change: (step: StepOf<Kind>, constants: (of: Constants) => { ints: Int32Array; shorts: Uint16Array }) => object,
): { plan: Plan; index: number } {
  const plan = everyStep();
  const index = plan.steps.findIndex((step) => step.kind === kind);
  const view = ({ offset, bytes }: Constants) => ({
    ints: new Int32Array(plan.constants.buffer, offset, bytes >> 2),
    shorts: new Uint16Array(plan.constants.buffer, offset, bytes >> 1),
  });
  const step = plan.steps[index] as StepOf<Kind>;
  const changed = { ...step, ...change(step, view) } as Step;
  return { plan: { ...plan, steps: plan.steps.with(index, changed) }, index };
}

const far = 1 << 26;
const ones = new Array<number>(9).fill(1);
const nineAxes = { dims: ones, inputStrides: ones, outputStrides: ones };

/** What a step must not reach, and the part of the message that says so. */
const cases: readonly [name: string, ReturnType<typeof broken>, RegExp][] = [
  ['halo before the arena', broken('input', (s) => ({ halo: { ...s.halo, top: 3 } })), /halo takes vectors -/],
  ['grid too small', broken('input', () => ({ grid: { rows: 2, columns: 4 } })), /grid does not cover the image/],
  ['grid too large', broken('input', () => ({ grid: { rows: 5, columns: 4 } })), /more tiles than a vector has lanes/],
  ['output behind the arena', broken('sparseConv', (s) => ({ output: { ...s.output, offset: far } })), /output is/],
  ['output across the end', broken('denseConv', (s) => ({ output: { ...s.output, rowPitch: far } })), /output takes/],
  ['vectors without number', broken('depthwise', (s) => ({ output: { ...s.output, rows: 1 << 15 } })), /more vectors/],
  ['no channels', broken('pointwise', (s) => ({ input: { ...s.input, channels: 0 } })), /input is 0, but must be 1 to/],
  ['going back', broken('pointwise', (s) => ({ input: { ...s.input, rowPitch: -9 } })), /input is -9, but must be 0/],
  ['window too far', broken('denseConv', () => ({ dilations: [1000, 1] })), /window takes vectors/],
  ['stride too far', broken('depthwise', () => ({ strides: [1, 1000] })), /window takes vectors/],
  ['stride of 0', broken('pool', () => ({ strides: [0, 1] })), /strides is 0, but must be 1 to 1024/],
  ['average without scale', broken('pool', () => ({ mode: 'average' })), /mode average needs scale/],
  ['weights too short', broken('denseConv', (s) => ({ weights: { ...s.weights, bytes: 64 } })), /weights has 64 bytes/],
  ['weights behind the end', broken('depthwise', () => ({ weights: { offset: far, bytes: 108 } })), /takes constants/],
  ['residual of another shape', broken('denseConv', (s) => ({ residual: { ...s.output, rows: 1 } })), /residual has/],
  [
    'more input channels than the arena',
    broken('denseConv', (s) => ({ input: { ...s.input, channels: 99 } })),
    /input has more vectors than the arena/,
  ],
  [
    'sparse offset',
    broken('sparseConv', (s, c) => {
      c(s.offsets).shorts[5] = 65535;
      return {};
    }),
    /offsets takes vectors \d+ to \d+, but the arena has/,
  ],
  [
    'sparse base',
    broken('sparseConv', (s, c) => {
      c(s.bases).ints[1] = -1000;
      return {};
    }),
    /offsets takes vectors -\d+ to/,
  ],
  [
    'filter',
    broken('sparseConv', (s, c) => {
      c(s.rows).shorts[0] = 6;
      return {};
    }),
    /rows name a filter that does not exist/,
  ],
  [
    'filter twice',
    broken('sparseConv', (s, c) => {
      c(s.rows).shorts[0] = 1;
      return {};
    }),
    /a block does not list every filter once/,
  ],
  [
    'filter in another stripe',
    broken('sparseConv', (s, c) => {
      const { shorts } = c(s.rows);
      // Rows 6 to 11 are the second block's: filters 0 and 3 change places.
      [shorts[12], shorts[18]] = [shorts[18]!, shorts[12]!];
      return {};
    }),
    /rows have other numbers|a filter changes its stripe/,
  ],
  [
    'count of a row',
    broken('sparseConv', (s, c) => {
      c(s.rows).shorts[1]!++;
      return {};
    }),
    /rows have other numbers of non-zeros than starts say/,
  ],
  [
    'start that goes back',
    broken('sparseConv', (s, c) => {
      c(s.starts).ints[2] = 100;
      return {};
    }),
    /starts go back/,
  ],
  [
    'negative start',
    broken('sparseConv', (s, c) => {
      c(s.starts).ints.fill(-1, 8);
      return {};
    }),
    /starts/,
  ],
  [
    'no tail',
    broken('sparseConv', (s) => ({ offsets: { ...s.offsets, bytes: s.offsets.bytes - 2 } })),
    /offsets has \d+ bytes/,
  ],
  [
    'tail that is not zero',
    broken('sparseConv', (s, c) => {
      c(s.offsets).shorts[s.offsets.bytes / 2 - 1] = 1;
      return {};
    }),
    /do not end with 8 zeros/,
  ],
  ['more stripes than filters', broken('sparseConv', () => ({ stripes: 7 })), /stripes is 7, but must be 1 to 6/],
  [
    'destination',
    broken('shuffle', (s, c) => {
      c(s.entries).ints[0] = -100000;
      return {};
    }),
    /destination takes vectors -/,
  ],
  [
    'term',
    broken('shuffle', (s, c) => {
      c(s.entries).ints[2] = 3;
      return {};
    }),
    /entry names terms that do not exist/,
  ],
  [
    'term whose end overflows',
    broken('shuffle', (s, c) => {
      c(s.entries).ints.set([2 ** 31 - 1, 2 ** 31 - 1], 1);
      return {};
    }),
    /entry names terms that do not exist/,
  ],
  [
    'source',
    broken('shuffle', (s, c) => {
      c(s.terms).ints[0] = far;
      return {};
    }),
    /source takes vectors/,
  ],
  [
    'permutation',
    broken('shuffle', (s, c) => {
      c(s.terms).ints[1] = 2;
      return {};
    }),
    /term names a permutation that does not exist/,
  ],
  [
    'lane',
    broken('shuffle', (s, c) => {
      c(s.permutations).ints[31] = 16;
      return {};
    }),
    /permutation names a lane that does not exist/,
  ],
  ['points behind the arena', broken('winogradInput', () => ({ groups: 1 << 15 })), /output takes vectors/],
  ['points that no table has', broken('winogradInput', () => ({ points: 8 })), /points is 8, but must be 5 to 7/],
  ['transform too short', broken('winogradInput', (s) => ({ transform: { ...s.transform, bytes: 140 } })), /transform/],
  ['rows of points', broken('winogradConv', () => ({ strideRows: 1000 })), /input takes vectors/],
  [
    'points whose number overflows',
    broken('winogradConv', () => ({ strideRows: 1024, kernelRows: 1024, channels: far })),
    /input takes vectors|more/,
  ],
  ['groups of columns', broken('winogradConv', () => ({ groups: 2 })), /groups do not hold output's columns/],
  ['weights of points', broken('winogradConv', () => ({ kernelRows: 4, strideRows: 1, input: 0 })), /weights has/],
  ['plain right side', broken('binary', () => ({ right: 2 ** 31 - 1 })), /right is 2147483647, but must be/],
  ['masks too short', broken('globalAverage', (s) => ({ masks: { ...s.masks, bytes: 12 } })), /masks has 12 bytes/],
  [
    'plain output across the end',
    broken('toPlain', (s) => ({ height: 8, output: s.output + 8000 })),
    /output (takes|is)/,
  ],
  ['plain input across the end', broken('fromPlain', (s) => ({ input: s.input + 8000 })), /input (takes|is)/],
  ['copy backwards', broken('plainCopy', () => ({ inputStrides: [-(2 ** 20), 1, 8] })), /inputStrides/],
  ['copy of 2^62 floats', broken('plainCopy', () => ({ dims: [1 << 10, 1 << 10, 1 << 10] })), /dims/],
  ['nine axes', broken('plainCopy', () => nineAxes), /number of axes is 9, but must be 0 to 8/],
  ['fill across the end', broken('plainFill', () => ({ count: 2 ** 31 - 1 })), /count is 2147483647/],
  ['channels x inner', broken('plainPointwise', () => ({ inner: 3000 })), /takes \d+ floats/],
  ['stride of the right side', broken('plainBinary', () => ({ rightStrides: [9000, 1] })), /rightStrides/],
  ['softmax that overflows', broken('softmax', () => ({ outer: 3900, length: 3900, inner: 3900 })), /more elements/],
  ['linear weights', broken('denseLinear', () => ({ inputs: 89 })), /weights has \d+ bytes, but must have 2848 items/],
  [
    'start of an output',
    broken('sparseLinear', (s, c) => {
      c(s.starts).ints[3] = 81;
      return {};
    }),
    /starts/,
  ],
  [
    'index of an input',
    broken('sparseLinear', (s, c) => {
      c(s.indices).ints[79] = 20;
      return {};
    }),
    /indices name an input that does not exist/,
  ],
];

describe('the addon refuses', { skip }, () => {
  it('no good plan', async () => {
    for (const plan of [everyStep(), heavy(2), nearlyEmpty()]) await withExecutor(plan, options(1), async () => {});
  });

  for (const [name, { plan, index }, message] of cases) {
    it(`a plan with a fault: ${name}`, () => {
      const kind = plan.steps[index]!.kind;
      assert.throws(
        () => native().createExecutor(plan, options(1)),
        (error: Error) => {
          assert.ok(error.message.startsWith(`plan: step ${index} (${kind}): `), error.message);
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }

  it('an arena or an embedding that is none', () => {
    const plan = nearlyEmpty();
    const create = (change: Partial<Plan>) => () => native().createExecutor({ ...plan, ...change }, options(1));
    assert.throws(create({ arenaVectors: 0 }), /^Error: plan: arenaVectors is 0/);
    assert.throws(create({ arenaVectors: 2 ** 27 }), /^Error: plan: arenaVectors is 134217728/);
    assert.throws(create({ output: { offset: 0, length: 0 } }), /^Error: plan: output length is 0/);
    assert.throws(
      create({ output: { offset: 192, length: 200 } }),
      /^Error: plan: output offset takes 200 floats at 192/,
    );
    assert.throws(create({ steps: [] }), /^Error: plan: has another number of steps than it says/);
    assert.throws(create({ input: { channels: 0, height: 8, width: 8 } }), /^Error: plan: input channels is 0/);
  });

  it('words that no encoder writes', () => {
    const { constants, ...plan } = everyStep();
    const words = encodePlan({ ...plan, constants });
    const create = (given: unknown, bytes: unknown) => rawAddon().createExecutor(given, bytes, options(1));
    assert.throws(() => create(words.subarray(1), constants), /plan: not made by this version's encodePlan/);
    assert.throws(() => create(new Int32Array(0), constants), /plan: not made by this version's encodePlan/);
    assert.throws(
      () => create(words.subarray(0, -1), constants),
      /plan: step 24 \(sparseLinear\): has fewer words than it says/,
    );
    assert.throws(() => create(Int32Array.from([...words, 0]), constants), /plan: has words behind its last step/);
    const unknown = words.slice();
    unknown[8] = 99;
    assert.throws(() => create(unknown, constants), /plan: step 0: has no known kind: 99/);
    const longer = words.slice();
    longer[9]!++;
    assert.throws(() => create(longer, constants), /plan: step 0 \(input\): has more words than its kind takes/);
    for (const given of [undefined, null, 7, 'plan', [], {}, new Float32Array(9)]) {
      assert.throws(() => create(given, constants), /the plan must be an Int32Array/);
      assert.throws(() => create(words, given), /the constants must be a Uint8Array/);
    }
  });

  it('wrong options', () => {
    const plan = nearlyEmpty();
    const create = (change: object) => () =>
      native().createExecutor(plan, { ...options(1), ...change } as ExecutorOptions);
    const message = `Error: createExecutor: threads must be a whole number from 1 to ${mostThreads}`;
    for (const threads of [0, -1, 1.5, Number.NaN, mostThreads + 1, '2', undefined]) {
      assert.throws(create({ threads }), (error) => String(error) === message);
    }
    assert.throws(create({ isa: 'sse2' }), /createExecutor: this machine has no instruction set sse2/);
    assert.throws(create({ isa: 7 }), /createExecutor: isa must be/);
    assert.throws(create({ normalise: normalise.subarray(1) }), /normalise must be a Float32Array of length 768/);
    assert.throws(create({ pixelChannels: [0, 1, 3] }), /pixelChannels must be three numbers from 0 to 2/);
    assert.throws(create({ pixelChannels: undefined }), /pixelChannels must be three numbers from 0 to 2/);
    const getter = {
      get isa(): string {
        throw new Error('surprise');
      },
    };
    assert.throws(() => rawAddon().createExecutor(encodePlan(plan), plan.constants, getter), /createExecutor: threads/);
  });

  it('items that are none, by a rejected promise that names them', async () => {
    const plan = nearlyEmpty();
    await withExecutor(plan, options(1), async (executor) => {
      const good: RunItem = { kind: 'pixels', count: 1, data: pixels(1, plan) };
      const detached = pixels(1, plan);
      structuredClone(detached.buffer, { transfer: [detached.buffer] });
      const faults: [unknown, RegExp][] = [
        [{ ...good, kind: 'image' }, /^Error: run: item 1: kind must be 'pixels' or 'input'$/],
        [{ ...good, kind: 'input' }, /^Error: run: item 1: data must be a Float32Array$/],
        [{ ...good, data: new Uint16Array(192) }, /^Error: run: item 1: data must be a Uint8Array$/],
        [{ ...good, data: [1, 2] }, /^Error: run: item 1: data must be a Uint8Array$/],
        [{ ...good, count: 2 }, /^Error: run: item 1: data has length 192, but 2 images of 8 x 8 x 3 need 384$/],
        [{ ...good, count: -1 }, /^Error: run: item 1: count must be a whole number of images$/],
        [{ ...good, count: 0.5 }, /^Error: run: item 1: count must be a whole number of images$/],
        [{ ...good, data: detached }, /^Error: run: item 1: data has length 0/],
        [undefined, /^Error: run: item 1: kind must be/],
        [7, /^Error: run: item 1: kind must be/],
      ];
      for (const [item, message] of faults) await assert.rejects(executor.run([good, item as RunItem]), message);
      await assert.rejects(executor.run(7 as unknown as RunItem[]), /^Error: run: items must be an array$/);
      await assert.rejects(executor.profile({ ...good, count: 0, data: new Uint8Array(0) }, 1), /count must be 1/);
      for (const repetitions of [0, -1, 0.5, 10_001, 1e9]) {
        await assert.rejects(executor.profile(good, repetitions), /repetitions must be a whole number from 1 to 10000/);
      }
      assert.throws(() => executor.run.call({} as typeof executor, []), /this is no executor/);
      assert.equal((await executor.run([good])).embeddings.length, 192);
    });
  });

  it('more images than can be counted', async () => {
    const plan = onePixel();
    await withExecutor(plan, options(1), async (executor) => {
      const count = 2 ** 20;
      const many: RunItem = { kind: 'pixels', count, data: new Uint8Array(3 * count) };
      await assert.rejects(
        executor.run([many, many, many]),
        /^Error: run: item 2: 3145728 images are too many for one/,
      );
      assert.equal((await executor.run([{ kind: 'pixels', count: 1, data: new Uint8Array(3) }])).embeddings.length, 3);
    });
  });

  it('what the getter of an item has taken away: memory of another item, or the executor', async () => {
    const plan = nearlyEmpty();
    const executor = native().createExecutor(plan, options(1));
    const good: RunItem = { kind: 'pixels', count: 1, data: pixels(1, plan) };
    const item = (take: () => void): RunItem => ({
      kind: 'pixels',
      get count() {
        take();
        return 1;
      },
      data: good.data as Uint8Array,
    });
    const first = pixels(1, plan);
    const taking = item(() => structuredClone(first.buffer, { transfer: [first.buffer] }));
    await assert.rejects(executor.run([{ ...good, data: first }, taking]), /^Error: run: item 0: data has length 0/);
    const closing = item(() => void executor.close());
    await assert.rejects(executor.run([closing]), /^Error: run: the executor is closed$/);
    await assert.rejects(executor.profile(closing, 1), /^Error: profile: the executor is closed$/);
    await executor.close();
  });
});
