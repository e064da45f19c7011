// Damaged plans, under sanitizers, and good ones on several threads: see src/native/test/fuzz_plan.cpp.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Plan } from '../../../src/native/index.js';
import { encodePlan } from '../../../src/native/index.js';
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
