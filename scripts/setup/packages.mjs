// Step 1: the npm packages, exactly those of package-lock.json.
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { excerpt, ROOT, run, SetupError } from './run.mjs';

const WANTED = join(ROOT, 'package-lock.json');
// npm writes this file last, so an installation that was interrupted has none.
const INSTALLED = join(ROOT, 'node_modules', '.package-lock.json');

export const packages = {
  name: 'npm packages',

  /** Whether each package of the lock file is installed in its version. Other platforms' optional packages are not missed. */
  isDone() {
    if (!existsSync(INSTALLED)) return false;
    const wanted = JSON.parse(readFileSync(WANTED, 'utf8')).packages;
    const installed = JSON.parse(readFileSync(INSTALLED, 'utf8')).packages;
    return Object.entries(wanted).every(([path, entry]) => {
      if (path === '') return true;
      const found = installed[path];
      return found ? found.version === entry.version : entry.optional === true;
    });
  },

  run() {
    const [program, ...first] = npmCommand();
    // Development packages hold the compiler, so they are wanted under NODE_ENV=production too.
    const args = [...first, 'ci', '--include=dev', '--no-audit', '--no-fund', ...cacheArguments()];
    // .npmrc forbids install scripts; this says it once more to the one that would fetch hundreds of megabytes of CUDA.
    const result = run(program, args, { env: { ONNXRUNTIME_NODE_INSTALL: 'skip' } });
    if (result.ok) return;
    throw new SetupError(
      `npm could not install the packages:\n${excerpt(result.output)}\n` +
        'Check that the npm registry can be reached (npm ping; behind a proxy: npm config set proxy), then run this again.',
    );
  },
};

/** npm as it was called, when a script of npm's is running; else the one on PATH. */
function npmCommand() {
  const script = process.env.npm_execpath ?? '';
  return /npm-cli\.c?js$/.test(script) && existsSync(script) ? [process.execPath, script] : ['npm'];
}

/** A user without a home directory (containers) gets a cache inside the clone. */
function cacheArguments() {
  try {
    accessSync(homedir(), constants.W_OK);
    return [];
  } catch {
    return ['--cache', join(ROOT, '.tools', 'npm-cache')];
  }
}
