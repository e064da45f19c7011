// Builds C++ programs of src/native/test, with sanitizers or optimised, and runs them.
import assert from 'node:assert/strict';
import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { TestContext } from 'node:test';
import { ROOT } from '../../support/repository.js';

export const NATIVE = join(ROOT, 'src', 'native');
const WARNINGS = ['-std=c++17', '-Wall', '-Wextra', '-Werror'];

/** How a program is built. */
export interface Build {
  /** Of compiler and linker. */
  readonly flags: readonly string[];
  /** What the compiler must have, for people. */
  readonly needs: string;
}

/** Without optimisation: it builds in a third of the time, and hides no undefined behaviour. */
export const sanitised: Build = {
  flags: ['-g1', '-pthread', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'],
  needs: 'AddressSanitizer and UndefinedBehaviorSanitizer',
};
export const threadSanitised: Build = {
  flags: ['-g1', '-O1', '-pthread', '-fsanitize=thread'],
  needs: 'ThreadSanitizer',
};
/** As the addon is. */
export const optimised: Build = { flags: ['-O3', '-pthread'], needs: 'C++17' };

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
  return [...(sets[process.arch] ?? []), { path: 'kernels/scalar.cpp', flags: ['-ffp-contract=off'] }];
}

/** The learners' arithmetic, likewise: without fused multiply-add anywhere. */
export function arithmeticSources(): Source[] {
  const exact = ['-ffp-contract=off'];
  const avx512 = ['-mavx512f', '-mavx512dq', '-mavx512bw', '-mavx512vl', '-mavx2'];
  const sets: Record<string, Source[]> = {
    x64: [
      { path: 'arithmetic/avx512.cpp', flags: [...exact, ...avx512] },
      { path: 'arithmetic/avx2.cpp', flags: [...exact, '-mavx2'] },
    ],
    arm64: [{ path: 'arithmetic/neon.cpp', flags: exact }],
  };
  return [...(sets[process.arch] ?? []), { path: 'arithmetic/scalar.cpp', flags: exact }];
}

/** What chooses among them. */
export function isaSources(): Source[] {
  return ['isa.cpp', 'cpu.cpp'].map((path) => ({ path, flags: [] }));
}

/** The static libraries beside the built addon, those for one instruction set first; undefined when there are none of these sources. */
export function builtLibraries(of: 'kernels' | 'arithmetic'): string[] | undefined {
  const script = createRequire(import.meta.url)(join(NATIVE, 'sources-digest.cjs')) as { sourcesDigest(): string };
  const folder = join(NATIVE, 'build', 'Release');
  const stamp = join(folder, '.sources');
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== script.sourcesDigest()) return undefined;
  const sets = { x64: ['avx512', 'avx2'], arm64: ['neon'] }[process.arch as string] ?? [];
  const archives = [...sets, 'scalar'].map((isa) => join(folder, `${of}_${isa}.a`));
  return archives.every((archive) => existsSync(archive)) ? archives : undefined;
}

/**
 * Builds a program in a folder that lives as long as `use`. Skips the test when no compiler can.
 *
 * @param objects linked as well
 */
export async function withProgram(
  t: TestContext,
  build: Build,
  sources: readonly Source[],
  use: (run: (...args: string[]) => SpawnSyncReturns<string>, folder: string) => void,
  objects: readonly string[] = [],
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'headwater-program-'));
  try {
    const compiler = findCompiler(build, folder);
    if (compiler === undefined) {
      t.skip(`no C++ compiler with ${build.needs}`);
      return;
    }
    const compiled = await Promise.allSettled(sources.map((source) => compile(compiler, build, source, folder)));
    const own = compiled.map((result) => {
      if (result.status === 'rejected') throw result.reason;
      return result.value;
    });
    const program = join(folder, 'program');
    const link = spawnSync(compiler, [...build.flags, ...own, ...objects, '-o', program], { encoding: 'utf8' });
    assert.equal(link.status, 0, link.stderr);
    use((...args) => runProgram(program, args), folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A compiler whose programs run here. */
function findCompiler(build: Build, folder: string): string | undefined {
  const source = join(folder, 'empty.cpp');
  const program = join(folder, 'empty');
  writeFileSync(source, 'int main() { return 0; }\n');
  return [process.env.CXX, 'g++', 'clang++', 'c++'].find((compiler) => {
    if (!compiler) return false;
    return (
      spawnSync(compiler, [...build.flags, source, '-o', program]).status === 0 && runProgram(program).status === 0
    );
  });
}

/** Leaks are looked for by tracing the process, which containers often forbid. */
function runProgram(program: string, args: readonly string[] = []): SpawnSyncReturns<string> {
  return spawnSync(program, args, { encoding: 'utf8', env: { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' } });
}

/** @returns the object file. */
function compile(compiler: string, build: Build, source: Source, folder: string): Promise<string> {
  const object = join(folder, `${basename(source.path)}.o`);
  const child = spawn(compiler, [
    ...[...WARNINGS, ...build.flags, ...source.flags],
    ...['-c', join(NATIVE, source.path), '-o', object],
  ]);
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
