// Builds the C++ suite of the learners' arithmetic (src/native/test/arithmetic_suite.cpp) under sanitizers and runs it: every function of every instruction
// set of this machine against the scalar one, bit for bit. The scalar one is compared with TypeScript in arithmetic.test.ts.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { arithmeticSources, sanitised, withProgram } from './build-program.js';

const FUNCTIONS = [
  ...['multiplyRows', 'multiplyRowsOfFloats', 'addOuter', 'stepRows'],
  ...['multiplySymmetric', 'addSymmetricOuters', 'softmaxLoss'],
];

describe("the learners' arithmetic gives the same bits on every instruction set of this machine", () => {
  const sources = [
    { path: 'test/arithmetic_suite.cpp', flags: [] },
    { path: 'arithmetic/choose.cpp', flags: [] },
    { path: 'cpu.cpp', flags: [] },
    ...arithmeticSources(),
  ];

  it('under AddressSanitizer and UndefinedBehaviorSanitizer', { timeout: 300_000 }, async (t) => {
    await withProgram(t, sanitised, sources, (run) => {
      const { status, stdout, stderr } = run();
      assert.equal(status, 0, stdout + stderr);
      const sets = [...stdout.matchAll(/^(\w+):((?: \w+=\d+)+)$/gm)];
      assert.ok(
        sets.some(([, isa]) => isa === 'scalar'),
        stdout,
      );
      for (const [line, , counts] of sets) {
        const checked = [...counts!.matchAll(/(\w+)=(\d+)/g)];
        assert.deepEqual(checked.map(([, name]) => name).sort(), [...FUNCTIONS].sort(), line);
        for (const [, , cases] of checked) assert.ok(Number(cases) >= 20, line);
      }
    });
  });
});
