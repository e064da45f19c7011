// Step 4: a nats-server that Headwater can start. Nothing outside the clone is changed: where none is installed, Debian's
// package is downloaded with apt's state kept in .tools/, and unpacked there.
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { excerpt, ROOT, run, SetupError } from './run.mjs';

const OLDEST = [2, 9, 10];
const VARIABLE = 'HEADWATER_NATS_SERVER_BINARY';
const OWN = join(ROOT, '.tools', 'bin', 'nats-server');
// Where packages put it, for users whose PATH lacks those folders (a Debian user's lacks /usr/sbin).
const USUAL_FOLDERS = ['/usr/sbin', '/usr/local/bin', '/usr/local/sbin', '/opt/homebrew/bin'];

const HOW_TO_GET_IT = `nats-server ${OLDEST.join('.')} or newer is missing. Get it in one of these ways, then run this again:
    Debian, Ubuntu:  sudo apt-get install nats-server
    macOS:           brew install nats-server
    anywhere else:   download it from https://github.com/nats-io/nats-server/releases
                     and set ${VARIABLE}=/path/to/nats-server`;

export const natsServer = {
  name: 'nats-server',

  isDone() {
    const named = process.env[VARIABLE];
    if (named) {
      if (isUsable(named)) return true;
      throw new SetupError(`${VARIABLE}=${named} is no nats-server ${OLDEST.join('.')} or newer: correct or unset it`);
    }
    // In the order in which Headwater looks (src/learner/nats/server/find-server.ts).
    return isUsable(OWN) || isUsable(firstOnPath());
  },

  run() {
    const installed = USUAL_FOLDERS.map((folder) => join(folder, 'nats-server')).find(isUsable);
    if (installed) return link(installed);
    const failures = [];
    for (const options of [[], privateAptOptions()]) {
      const failure = fetchWithApt(options);
      if (failure === null) return;
      failures.push(failure);
    }
    throw new SetupError(`${HOW_TO_GET_IT}\nWhat apt said:\n${failures.map((text) => excerpt(text, 6)).join('\n')}`);
  },
};

function firstOnPath() {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, 'nats-server')).find((file) => existsSync(file));
}

/** Whether `file` runs and is new enough. */
function isUsable(file) {
  if (file === undefined || !existsSync(file)) return false;
  const version = /v(\d+)\.(\d+)\.(\d+)/.exec(run(file, ['--version']).output);
  if (version === null) return false;
  for (let i = 0; i < OLDEST.length; i++) {
    const difference = Number(version[i + 1]) - OLDEST[i];
    if (difference !== 0) return difference > 0;
  }
  return true;
}

function link(installed) {
  mkdirSync(join(ROOT, '.tools', 'bin'), { recursive: true });
  rmSync(OWN, { force: true });
  symlinkSync(installed, OWN);
}

/** Options that keep all that apt writes inside the clone, so that it works without root and leaves the system as it is. */
function privateAptOptions() {
  const state = join(ROOT, '.tools', 'apt');
  mkdirSync(join(state, 'lists', 'partial'), { recursive: true });
  mkdirSync(join(state, 'cache', 'archives', 'partial'), { recursive: true });
  const settings = {
    'Dir::State': state,
    'Dir::State::Lists': join(state, 'lists'),
    'Dir::State::status': '/var/lib/dpkg/status',
    'Dir::Cache': join(state, 'cache'),
    // apt as root downloads as the user _apt, who may not write here.
    'APT::Sandbox::User': '',
    'Acquire::Retries': '2',
  };
  return Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
}

/**
 * Downloads the package and takes the server out of it. With `options` the package lists are fetched first, without any
 * the system's own lists are used. Returns null when it worked, else what apt printed.
 */
function fetchWithApt(options) {
  const folder = join(ROOT, '.tools', 'nats-server-package');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  try {
    if (options.length > 0) {
      const update = run('apt-get', ['-q', ...options, 'update']);
      if (!update.ok) return update.output;
    }
    const sandbox = ['-o', 'APT::Sandbox::User='];
    const download = run('apt-get', ['-q', ...sandbox, ...options, 'download', 'nats-server'], { cwd: folder });
    const file = readdirSync(folder).find((name) => name.endsWith('.deb'));
    if (!download.ok || !file) return download.output;
    const unpack = run('dpkg-deb', ['-x', file, 'unpacked'], { cwd: folder });
    if (!unpack.ok) return unpack.output;
    return takeBinary(join(folder, 'unpacked'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
    rmSync(join(ROOT, '.tools', 'apt'), { recursive: true, force: true });
  }
}

/** Puts the unpacked server in its place in one step, once it has been seen to run. */
function takeBinary(unpacked) {
  const found = ['usr/sbin', 'usr/bin'].map((folder) => join(unpacked, folder, 'nats-server')).find(isUsable);
  if (!found) return `the package's nats-server does not run or is older than ${OLDEST.join('.')}`;
  mkdirSync(join(ROOT, '.tools', 'bin'), { recursive: true });
  copyFileSync(found, `${OWN}.new`);
  chmodSync(`${OWN}.new`, 0o755);
  renameSync(`${OWN}.new`, OWN);
  return null;
}
