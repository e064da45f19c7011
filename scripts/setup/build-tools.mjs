// Where the tools that compile the addon are. Nothing is run to find out: the set-up asks at every start.
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join, resolve } from 'node:path';

/** Each with a name for people, and `find()`, which returns its path or null. */
export const TOOLS = {
  compiler: {
    name: 'a C++ compiler (g++ or clang++)',
    find: () => firstOnPath([process.env.CXX, 'g++', 'clang++', 'c++']),
  },
  make: { name: 'make', find: () => firstOnPath([process.env.MAKE, 'make', 'gmake']) },
  python: { name: 'python3', find: () => firstOnPath([process.env.PYTHON, 'python3', 'python']) },
  nodeGyp: { name: 'node-gyp (it comes with npm)', find: () => nodeGyp() },
};

export function missingTools() {
  return Object.values(TOOLS).filter((tool) => tool.find() === null);
}

/** The script of node-gyp: npm's own, else one that is installed; null when there is none. */
export function nodeGyp() {
  const named = process.env.npm_config_node_gyp;
  if (named && existsSync(named)) return named;
  const npm = [process.env.npm_execpath, firstOnPath(['npm']), firstOnPath(['node-gyp'])];
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  const besideNode = join(prefix, 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js');
  for (const script of [...npm, besideNode]) {
    const found = script && existsSync(script) ? nodeGypSeenFrom(realpathSync(script)) : null;
    if (found !== null) return found;
  }
  return null;
}

/** Debian keeps node-gyp outside of npm's folder, in a place that only Node.js knows. */
function nodeGypSeenFrom(script) {
  if (script.endsWith(join('bin', 'node-gyp.js'))) return script;
  try {
    return createRequire(script).resolve('node-gyp/bin/node-gyp.js');
  } catch {
    return null;
  }
}

/** The folder that holds include/node of this version of Node.js, or null. */
export function nodeHeaders() {
  const beside = dirname(dirname(realpathSync(process.execPath)));
  const candidates = [process.env.npm_config_nodedir, beside, '/usr/local', '/usr'];
  return candidates.find((folder) => folder && isOfThisVersion(folder)) ?? null;
}

function isOfThisVersion(folder) {
  const file = join(folder, 'include', 'node', 'node_version.h');
  if (!existsSync(file) || !existsSync(join(folder, 'include', 'node', 'common.gypi'))) return false;
  const major = /#define NODE_MAJOR_VERSION (\d+)/.exec(readFileSync(file, 'utf8'))?.[1];
  return major === process.versions.node.split('.')[0];
}

/** The first of the programs that is found; an undefined name is passed over. */
function firstOnPath(names) {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const name of names) {
    if (!name) continue;
    const files = name.includes('/') ? [resolve(name)] : folders.map((folder) => join(folder, name));
    const found = files.find((file) => existsSync(file));
    if (found !== undefined) return found;
  }
  return null;
}
