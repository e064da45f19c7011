// What all steps share: the clone's root, running a program, an error for the user.
import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root folder of the clone. */
export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Something the user must put right; its message says what is wrong and what to do. */
export class SetupError extends Error {}

/**
 * Runs a program in the root of the clone and keeps its output to itself.
 * Returns `{ ok, output }`, `output` being what it printed, or why it could not be started.
 */
export function run(program, args, { env = {}, cwd = ROOT } = {}) {
  const result = spawnSync(program, args, {
    cwd,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (result.error) return { ok: false, output: result.error.message };
  const output = `${result.stdout}${result.stderr}`.trim();
  return { ok: result.status === 0, output: result.signal ? `${output}\nended by ${result.signal}` : output };
}

/** A program's output indented for an error message: its beginning and its end when it is long. */
export function excerpt(output, count = 40) {
  const lines = output.split('\n');
  const half = Math.ceil(count / 2);
  const shown = lines.length <= count ? lines : [...lines.slice(0, half), '...', ...lines.slice(-half)];
  return shown.map((line) => `    ${line}`).join('\n');
}
