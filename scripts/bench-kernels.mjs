// `npm run bench:kernels`: builds src/native/test/time_kernels.cpp, optimised as the addon is, and runs it: what each kernel reaches
// of one core's peak.
//
//   npm run bench:kernels [-- avx512|avx2|neon|scalar]     default: each that this machine has
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TOOLS } from './setup/build-tools.mjs';
import { excerpt, ROOT, run } from './setup/run.mjs';

const NATIVE = join(ROOT, 'src', 'native');
const AVX2 = ['-mavx2', '-mfma'];
const AVX512 = ['-mavx512f', '-mavx512dq', '-mavx512bw', '-mavx512vl', ...AVX2];
/** As in src/native/binding.gyp. */
const ISAS = {
  x64: { avx512: AVX512, avx2: AVX2, scalar: ['-ffp-contract=off'] },
  arm64: { neon: [], scalar: ['-ffp-contract=off'] },
};

/** Each source with its flags; the same source may come several times. */
function units() {
  const isas = Object.entries(ISAS[process.arch] ?? { scalar: ['-ffp-contract=off'] });
  return [
    ...isas.map(([isa, flags]) => ({ source: `kernels/${isa}.cpp`, flags })),
    ...isas.map(([isa, flags]) => ({
      source: 'test/fma_peak.cpp',
      flags: [...flags, `-DHEADWATER_${isa.toUpperCase()}`],
    })),
    // The learners' arithmetic, nowhere with fused multiply-add.
    ...isas.map(([isa, flags]) => ({
      source: `arithmetic/${isa}.cpp`,
      flags: [...flags.filter((flag) => flag !== '-mfma'), '-ffp-contract=off'],
    })),
    ...['isa.cpp', 'cpu.cpp', 'arithmetic/choose.cpp', 'test/time_kernels.cpp'].map((source) => ({
      source,
      flags: [],
    })),
  ];
}

/** @returns the program's path, or undefined when what is wrong has been told */
function build(folder) {
  const compiler = TOOLS.compiler.find();
  if (compiler === null) return fail(`missing: ${TOOLS.compiler.name}`);
  const objects = [];
  for (const [index, { source, flags }] of units().entries()) {
    const object = join(folder, `${index}.o`);
    const args = ['-std=c++17', '-O3', '-fvisibility=hidden', ...flags, '-c', join(NATIVE, source), '-o', object];
    const { ok, output } = run(compiler, args);
    if (!ok) return fail(`${compiler} fails on ${source}:\n${excerpt(output)}`);
    objects.push(object);
  }
  const program = join(folder, 'time_kernels');
  const { ok, output } = run(compiler, [...objects, '-o', program]);
  return ok ? program : fail(`${compiler} fails to link:\n${excerpt(output)}`);
}

function fail(message) {
  console.error(`bench:kernels: ${message}`);
  return undefined;
}

const folder = mkdtempSync(join(tmpdir(), 'headwater-bench-kernels-'));
try {
  const program = build(folder);
  const result = program && spawnSync(program, process.argv.slice(2), { stdio: 'inherit' });
  process.exitCode = result?.status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
