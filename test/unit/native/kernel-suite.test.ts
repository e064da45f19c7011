// Builds the C++ kernel suite (src/native/test) and runs it, under sanitizers and with the addon's own optimised kernels: every kernel of every
// instruction set of this machine against plain formulas. What this machine can't run is at least compiled.
import assert from 'node:assert/strict';
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';
import {
  builtLibraries,
  isaSources,
  kernelSources,
  NATIVE,
  optimised,
  sanitised,
  withProgram,
} from './build-program.js';

/** Those of kernels.h. */
const KERNELS = [
  ...['input', 'shuffle', 'sparseConv', 'denseConv', 'winogradInput', 'winogradConv', 'depthwise', 'pool'],
  ...['pointwise', 'binary', 'globalAverage'],
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

function assertSuitePasses(run: SpawnSyncReturns<string>): void {
  assert.equal(run.status, 0, run.stdout + run.stderr);
  const sets = countCases(run.stdout);
  assert.ok(sets.has('scalar'), `no scalar kernels were checked: ${run.stdout}`);
  for (const [isa, counts] of sets) {
    assert.deepEqual([...counts.keys()].sort(), [...KERNELS].sort(), `kernels of ${isa}`);
    for (const [kernel, cases] of counts) assert.ok(cases >= 6, `${isa} ${kernel}: only ${cases} cases`);
  }
}

describe('the kernels equal plain formulas on every instruction set of this machine', () => {
  const suite = [{ path: 'test/kernel_suite.cpp', flags: ['-O1'] }, ...isaSources()];

  it('under AddressSanitizer and UndefinedBehaviorSanitizer', { timeout: 900_000 }, async (t) => {
    await withProgram(t, sanitised, [...suite, ...kernelSources()], (runSuite) => assertSuitePasses(runSuite()));
  });

  it('as they are in the addon, optimised', { timeout: 900_000 }, async (t) => {
    const built = builtLibraries('kernels');
    t.diagnostic(built === undefined ? 'compiled for this test' : 'the libraries that the addon was linked with');
    const kernels = built === undefined ? kernelSources() : [];
    await withProgram(t, optimised, [...suite, ...kernels], (runSuite) => assertSuitePasses(runSuite()), built);
  });
});

/** Whether a compiler takes a source; `errors` is what it says. */
function checkSyntax(compiler: string, flags: readonly string[], source: string): { ok: boolean; errors: string } {
  const all = ['-std=c++17', '-Wall', '-Wextra', '-Werror', '-fsyntax-only', ...flags, source];
  const result = spawnSync(compiler, all, { encoding: 'utf8' });
  return { ok: result.status === 0, errors: result.error?.message ?? result.stderr };
}

/**
 * Flags with which clang compiles for AArch64 on another machine: that machine's own C++ headers, which say nothing else there that matters
 * to the kernels. `folder` gets the two headers that they lack.
 */
function armFlags(folder: string): string[] {
  const { stderr } = spawnSync('clang++', ['-E', '-v', '-x', 'c++', '/dev/null'], { encoding: 'utf8' });
  const listed = /search starts here:\n(.*?)End of search list/s.exec(stderr ?? '')?.[1] ?? '';
  const folders = [...listed.matchAll(/^ (\/\S+)$/gm)]
    .map(([, path]) => path!)
    .filter((path) => !path.includes('clang'));
  mkdirSync(join(folder, 'gnu'), { recursive: true });
  for (const name of ['stubs-32.h', 'stubs-lp64.h']) writeFileSync(join(folder, 'gnu', name), '');
  return ['--target=aarch64-linux-gnu', ...[...folders, folder].flatMap((path) => ['-isystem', path])];
}

describe('what this machine does not run', () => {
  it('what is made for NEON compiles', { skip: process.arch === 'arm64' && 'they run here' }, (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'headwater-neon-'));
    try {
      const flags = armFlags(folder);
      const probe = join(folder, 'probe.cpp');
      writeFileSync(probe, '#include <arm_neon.h>\n#include <cmath>\n#include <cstdint>\n#include <cstring>\n');
      const { ok, errors } = checkSyntax('clang++', flags, probe);
      if (!ok) return t.skip(`no clang++ with headers for AArch64: ${errors.split('\n')[0]}`);
      for (const made of ['kernels', 'arithmetic']) {
        assert.equal(checkSyntax('clang++', flags, join(NATIVE, made, 'neon.cpp')).errors, '');
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('the benchmark of kernels compiles', (t) => {
    const compiler = [process.env.CXX, 'g++', 'clang++'].find(
      (name) => name && spawnSync(name, ['--version']).status === 0,
    );
    if (compiler === undefined) return t.skip('no C++ compiler');
    const sources = ['time_kernels.cpp', 'fma_peak.cpp'];
    for (const name of sources) assert.equal(checkSyntax(compiler, [], join(NATIVE, 'test', name)).errors, '', name);
  });
});

describe('the libraries of one instruction set', () => {
  it('share no function with the rest, for the linker might take theirs', (t) => {
    const all = [...(builtLibraries('kernels') ?? []), ...(builtLibraries('arithmetic') ?? [])];
    const archives = all.filter((archive) => !archive.endsWith('_scalar.a'));
    if (archives.length === 0) return t.skip('none were built here');
    for (const archive of archives) {
      const { status, stdout, error } = spawnSync('nm', ['--defined-only', archive], { encoding: 'utf8' });
      if (error !== undefined) return t.skip(`no nm (${error.message})`);
      assert.equal(status, 0);
      const outside = [...stdout.matchAll(/^[0-9a-f]+ ([A-Zu-w]) (\S+)$/gm)].map(([, kind, name]) => `${kind} ${name}`);
      // Lower case is the unit's own, but for u, v and w: of what is defined for all, only the table may be left.
      assert.equal(outside.length, 1, `${basename(archive)}: ${outside.join(', ')}`);
      assert.match(outside[0]!, /^[RD] \w*k(Avx512|Avx2|Neon)(Kernels|Arithmetic)\w*$/);
    }
  });
});
