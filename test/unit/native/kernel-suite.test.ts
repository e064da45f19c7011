// Builds the C++ kernel suite (src/native/test) with AddressSanitizer and UndefinedBehaviorSanitizer and runs it: every kernel of every
// instruction set of this machine against plain formulas. Without optimisation: it builds in a third of the time, and hides no undefined behaviour.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { kernelSources, withProgram } from './sanitised-build.js';

/** Those of kernels.h. */
const KERNELS = [
  ...['input', 'shuffle', 'sparseConv', 'denseConv', 'depthwise', 'pool', 'pointwise', 'binary', 'globalAverage'],
  ...['toPlain', 'fromPlain', 'plainCopy', 'plainFill', 'plainPointwise', 'plainBinary', 'softmax'],
  ...['denseLinear', 'sparseLinear'],
];

/** `avx2: input=300 shuffle=84 ...` as the number of cases of each kernel, for each instruction set. */
function countCases(output: string): Map<string, Map<string, number>> {
  const sets = new Map<string, Map<string, number>>();
  for (const [, isa, counts] of output.matchAll(/^(\w+):((?: \w+=\d+)+)$/gm)) {
    sets.set(
      isa!,
      new Map(
        counts!
          .trim()
          .split(' ')
          .map((count) => [count.split('=')[0]!, Number(count.split('=')[1])]),
      ),
    );
  }
  return sets;
}

describe('the kernels, under AddressSanitizer and UndefinedBehaviorSanitizer', () => {
  it('equal plain formulas on every instruction set of this machine', { timeout: 900_000 }, async (t) => {
    const sources = [{ path: 'test/kernel_suite.cpp', flags: ['-O1'] }, ...kernelSources()];
    await withProgram(t, sources, (runSuite) => {
      const run = runSuite();
      assert.equal(run.status, 0, run.stdout + run.stderr);
      const sets = countCases(run.stdout);
      assert.ok(sets.has('scalar'), `no scalar kernels were checked: ${run.stdout}`);
      for (const [isa, counts] of sets) {
        assert.deepEqual([...counts.keys()].sort(), [...KERNELS].sort(), `kernels of ${isa}`);
        for (const [kernel, cases] of counts) assert.ok(cases >= 6, `${isa} ${kernel}: only ${cases} cases`);
      }
    });
  });
});
