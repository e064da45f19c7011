// `npm run check`: format and lint (Biome), then the imports. Types are checked by the build.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from '../setup/run.mjs';

const CHECKS = [
  [join('node_modules', '@biomejs', 'biome', 'bin', 'biome'), 'check', '--error-on-warnings', '.'],
  [join('scripts', 'checks', 'check-imports.mjs')],
];

/** Runs all checks, one failing or not, with their output shown. Returns whether all passed. */
export function runChecks() {
  const statuses = CHECKS.map((args) => spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' }).status);
  return statuses.every((status) => status === 0);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = runChecks() ? 0 : 1;
}
