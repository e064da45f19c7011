// Builds C++ programs of src/native/test with AddressSanitizer and UndefinedBehaviorSanitizer, and runs them.
import assert from 'node:assert/strict';
import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { TestContext } from 'node:test';
import { ROOT } from '../../support/repository.js';

const NATIVE = join(ROOT, 'src', 'native');
const SANITIZERS = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-pthread'];
const FLAGS = ['-std=c++17', '-g1', '-Wall', '-Wextra', '-Werror', ...SANITIZERS];

export interface Source {
  /** In src/native. */
  readonly path: string;
  readonly flags: readonly string[];
}

/** The kernels of each instruction set, with their flags: as in src/native/binding.gyp. */
export function kernelSources(): Source[] {
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
    ...(sets[process.arch] ?? []),
    { path: 'kernels/scalar.cpp', flags: ['-ffp-contract=off'] },
    { path: 'kernels/absent.cpp', flags: [] },
    { path: 'cpu.cpp', flags: [] },
  ];
}

/** Builds a program in a folder that lives as long as `use`. Skips the test when no compiler has the sanitizers. */
export async function withProgram(
  t: TestContext,
  sources: readonly Source[],
  use: (run: (...args: string[]) => SpawnSyncReturns<string>, folder: string) => void,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'headwater-sanitised-'));
  try {
    const compiler = findCompiler(folder);
    if (compiler === undefined) {
      t.skip('no C++ compiler with AddressSanitizer and UndefinedBehaviorSanitizer');
      return;
    }
    const compiled = await Promise.allSettled(sources.map((source) => compile(compiler, source, folder)));
    const objects = compiled.map((result) => {
      if (result.status === 'rejected') throw result.reason;
      return result.value;
    });
    const program = join(folder, 'program');
    const link = spawnSync(compiler, [...SANITIZERS, ...objects, '-o', program], { encoding: 'utf8' });
    assert.equal(link.status, 0, link.stderr);
    use((...args) => runProgram(program, args), folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
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
function runProgram(program: string, args: readonly string[] = []): SpawnSyncReturns<string> {
  return spawnSync(program, args, { encoding: 'utf8', env: { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' } });
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
