// Builds the C++ kernel suite (src/native/test) with AddressSanitizer and UndefinedBehaviorSanitizer and runs it: every kernel of every
// instruction set of this machine against plain formulas. Without optimisation: it builds in a third of the time, and hides no undefined behaviour.
import assert from 'node:assert/strict';
import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';
import { ROOT } from '../../support/repository.js';

const NATIVE = join(ROOT, 'src', 'native');
const SANITIZERS = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
const FLAGS = ['-std=c++17', '-g1', '-Wall', '-Wextra', '-Werror', ...SANITIZERS];

/** Those of kernels.h. */
const KERNELS = [
  ...['input', 'shuffle', 'sparseConv', 'denseConv', 'depthwise', 'pool', 'pointwise', 'binary', 'globalAverage'],
  ...['toPlain', 'fromPlain', 'plainCopy', 'plainFill', 'plainPointwise', 'plainBinary', 'softmax'],
  ...['denseLinear', 'sparseLinear'],
];

interface Source {
  readonly path: string;
  readonly flags: readonly string[];
}

/** As in src/native/binding.gyp. */
function sources(): Source[] {
  const avx2 = ['-mavx2', '-mfma'];
  const avx512 = ['-mavx512f', '-mavx512dq', '-mavx512bw', '-mavx512vl', ...avx2];
  const sets: Record<string, Source[]> = {
    x64: [
      { path: 'kernels/avx512.cpp', flags: avx512 },
      { path: 'kernels/avx2.cpp', flags: avx2 },
    ],
    arm64: [{ path: 'kernels/neon.cpp', flags: [] }],
  };
  return [
    { path: 'test/kernel_suite.cpp', flags: ['-O1'] },
    ...(sets[process.arch] ?? []),
    { path: 'kernels/scalar.cpp', flags: ['-ffp-contract=off'] },
    { path: 'kernels/absent.cpp', flags: [] },
    { path: 'cpu.cpp', flags: [] },
  ];
}

/** A compiler that can build and run with both sanitizers. */
function findCompiler(folder: string): string | undefined {
  const source = join(folder, 'empty.cpp');
  const program = join(folder, 'empty');
  writeFileSync(source, 'int main() { return 0; }\n');
  return [process.env.CXX, 'g++', 'clang++', 'c++'].find((compiler) => {
    if (!compiler) return false;
    return spawnSync(compiler, [...FLAGS, source, '-o', program]).status === 0 && runProgram(program).status === 0;
  });
}

/** Leaks are looked for by tracing the process, which containers often forbid. */
function runProgram(program: string): SpawnSyncReturns<string> {
  return spawnSync(program, [], { encoding: 'utf8', env: { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' } });
}

/** @returns the object file. */
function compile(compiler: string, source: Source, folder: string): Promise<string> {
  const object = join(folder, `${basename(source.path)}.o`);
  const child = spawn(compiler, [...FLAGS, ...source.flags, '-c', join(NATIVE, source.path), '-o', object]);
  let errors = '';
  child.stderr.on('data', (text) => {
    errors += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) =>
      status === 0 ? resolve(object) : reject(new Error(`${compiler} fails on ${source.path}:\n${errors}`)),
    );
  });
}

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
    const folder = mkdtempSync(join(tmpdir(), 'headwater-kernels-'));
    try {
      const compiler = findCompiler(folder);
      if (compiler === undefined) return t.skip('no C++ compiler with AddressSanitizer and UndefinedBehaviorSanitizer');
      const objects = await Promise.all(sources().map((source) => compile(compiler, source, folder)));
      const program = join(folder, 'kernel_suite');
      const link = spawnSync(compiler, [...SANITIZERS, ...objects, '-o', program], { encoding: 'utf8' });
      assert.equal(link.status, 0, link.stderr);

      const run = runProgram(program);
      assert.equal(run.status, 0, run.stdout + run.stderr);
      const sets = countCases(run.stdout);
      assert.ok(sets.has('scalar'), `no scalar kernels were checked: ${run.stdout}`);
      for (const [isa, counts] of sets) {
        assert.deepEqual([...counts.keys()].sort(), [...KERNELS].sort(), `kernels of ${isa}`);
        for (const [kernel, cases] of counts) assert.ok(cases >= 6, `${isa} ${kernel}: only ${cases} cases`);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
