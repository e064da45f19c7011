// Step 3: the native addon of src/native, which runs pruned networks several times faster. Without a compiler the service still works, on
// ONNX Runtime: so what is missing is said, and is no failure.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { missingTools, nodeGyp, nodeHeaders, TOOLS } from './build-tools.mjs';
import { excerpt, ROOT, run } from './run.mjs';

const SOURCES = join(ROOT, 'src', 'native');
const BUILT = join(SOURCES, 'build', 'Release');
const STAMP = join(BUILT, '.sources');
/** Why there is no addon, so that nobody waits for the same failure at every start. */
const ABSENT = join(ROOT, '.tools', 'addon-absent.json');

const { sourcesDigest } = createRequire(import.meta.url)(join(SOURCES, 'sources-digest.cjs'));

export const addon = {
  name: 'native addon',

  /** Whether it was built from exactly these sources, or nothing has changed since it was found that it can't be. */
  isDone() {
    const digest = sourcesDigest();
    if (existsSync(join(BUILT, 'headwater.node')) && readText(STAMP) === digest) return true;
    const absent = readAbsent();
    return absent.digest === digest && absent.circumstances === circumstances();
  },

  run() {
    rmSync(ABSENT, { force: true });
    // Before the build: what is edited meanwhile has to be built again.
    const digest = sourcesDigest();
    const reason = build();
    if (reason === null) return writeWhole(STAMP, digest);
    // An addon of older sources would be refused when it is loaded; without it, what is missing is said.
    rmSync(join(BUILT, 'headwater.node'), { force: true });
    rmSync(STAMP, { force: true });
    console.error(
      `setup: native addon: not built. ${reason}\n` +
        'setup: native addon: the service runs on ONNX Runtime instead, which is slower on pruned networks.',
    );
    mkdirSync(join(ROOT, '.tools'), { recursive: true });
    writeWhole(ABSENT, JSON.stringify({ digest, circumstances: circumstances(), reason }));
  },
};

/** Returns null when it worked, else what is wrong and what to do. */
function build() {
  const missing = missingTools();
  if (missing.length > 0) {
    return `Missing: ${missing.map((tool) => tool.name).join(', ')}. Get what is missing, then run npm run setup again:
    Debian, Ubuntu:  sudo apt-get install g++ make python3
    Fedora:          sudo dnf install gcc-c++ make python3
    macOS:           xcode-select --install`;
  }
  // What is there is built on; should it come from another machine or a broken build, everything is built again.
  const results = existsSync(join(SOURCES, 'build')) ? [runNodeGyp('configure', 'build')] : [];
  if (!results.some(hasBuilt)) results.push(runNodeGyp('rebuild'));
  const last = results[results.length - 1];
  if (hasBuilt(last)) return null;
  rmSync(join(SOURCES, 'build'), { recursive: true, force: true });
  const hint =
    nodeHeaders() === null ? '\nThe headers of Node.js are not installed here, so they had to be downloaded.' : '';
  return `The build failed:\n${excerpt(last.output)}${hint}\nTo try again: rm ${ABSENT} && npm run setup`;
}

function hasBuilt(result) {
  return result.ok && existsSync(join(BUILT, 'headwater.node'));
}

function runNodeGyp(...commands) {
  const headers = nodeHeaders();
  // Else node-gyp downloads the headers, to a folder that a user without a home has, too.
  const where = headers === null ? ['--devdir', join(ROOT, '.tools', 'node-gyp')] : ['--nodedir', headers];
  const args = [nodeGyp(), ...commands, '--directory', SOURCES, '--jobs', 'max', ...where];
  // binding.gyp calls node.
  const PATH = `${dirname(process.execPath)}${delimiter}${process.env.PATH ?? ''}`;
  return run(process.execPath, args, { env: { CXX: TOOLS.compiler.find(), PATH } });
}

/** What else decides whether a build works: when it changes, the build is tried again. */
function circumstances() {
  return JSON.stringify([process.version, nodeHeaders(), Object.values(TOOLS).map((tool) => tool.find())]);
}

/** `{}` when there is none, or what is there is broken: then the build is tried again. */
function readAbsent() {
  try {
    return JSON.parse(readText(ABSENT)) ?? {};
  } catch {
    return {};
  }
}

/** The file holds all of it or is not there, whenever the machine stops. */
function writeWhole(file, text) {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

function readText(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}
