// Damaged plans, under sanitizers, and good ones on several threads: see src/native/test/fuzz_plan.cpp.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Plan } from '../../../src/native/index.js';
import { encodePlan, lanes } from '../../../src/native/index.js';
import { isaSources, kernelSources, sanitised, threadSanitised, withProgram } from './build-program.js';
import { everyStep, heavy, nearlyEmpty } from './plans.js';

const decoders = ['plan', 'plan_reader', 'decode_image', 'decode_sparse', 'decode_plain'];
const runners = ['executor', 'thread_pool', 'sharing', 'memory', 'test/fuzz_plan'];
const sources = [
  ...[...decoders, ...runners].map((name) => ({ path: `${name}.cpp`, flags: [] })),
  ...isaSources(),
  ...kernelSources(),
];
const full = process.env.HEADWATER_TEST_FULL === '1';
const seed = 20260;
const rounds = full ? 200_000 : 6_000;

function fileOf(plans: readonly Plan[]): Buffer {
  const parts = plans.flatMap((plan) => {
    const words = encodePlan(plan);
    return [Int32Array.of(words.length), words, Int32Array.of(plan.constants.length), plan.constants];
  });
  const bytes = [Int32Array.of(plans.length), ...parts].map((part) =>
    Buffer.from(part.buffer, part.byteOffset, part.byteLength),
  );
  return Buffer.concat(bytes);
}

function overflowing(): Plan {
  const arenaVectors = 2 ** 27 - 1;
  const most = new Array<number>(8).fill(arenaVectors * lanes);
  return {
    input: { channels: 3, height: 8, width: 8 },
    steps: [{ kind: 'plainCopy', input: 0, output: 0, dims: most, inputStrides: most, outputStrides: most }],
    arenaVectors,
    constants: new Uint8Array(0),
    output: { offset: 0, length: 1 },
  };
}

describe('damaged plans', () => {
  it('are refused, or run within their memory', { timeout: 900_000 }, async (t) => {
    await withProgram(t, sanitised, sources, (fuzz, folder) => {
      const file = join(folder, 'plans');
      // The plan with every step is where faults can hide: it comes up most.
      writeFileSync(file, fileOf([everyStep(), everyStep(), everyStep(), nearlyEmpty()]));
      const result = fuzz(file, String(seed), String(rounds));
      assert.equal(result.status, 0, `${result.signal} ${result.stdout}${result.stderr}`);
      const taken = Number(/^(\d+) of/.exec(result.stdout)?.[1]);
      // Plans are not so fragile that nothing would be run, nor is everything taken.
      assert.ok(taken > rounds / 20 && taken < (rounds * 19) / 20, result.stdout);
      t.diagnostic(result.stdout.trim());
      // Numbers that no random damage brings together: sums of products of what has been found too large already.
      writeFileSync(file, fileOf([overflowing()]));
      const refused = fuzz(file, '0', '0', 'bad');
      assert.equal(refused.status, 0, refused.stdout + refused.stderr);
      assert.equal(refused.stdout, 'plan: step 0 (plainCopy): dims give more elements than the arena has floats\n');
    });
  });
});

describe('good plans, under ThreadSanitizer', () => {
  const skip = !full && 'long: npm run test:full';
  it('run on one to three threads, several calls at once, without a race', { timeout: 900_000, skip }, async (t) => {
    await withProgram(t, threadSanitised, sources, (run, folder) => {
      const file = join(folder, 'plans');
      writeFileSync(file, fileOf([everyStep(), heavy(3), nearlyEmpty()]));
      const result = run(file, String(seed), '200', 'good');
      assert.equal(result.status, 0, `${result.signal} ${result.stdout}${result.stderr}`);
      assert.equal(result.stdout, '200 of 200 plans taken and run\n');
    });
  });
});
