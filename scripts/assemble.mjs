// What an image (or any installation) needs to run and nothing else, copied from a clone that is set up:
//
//   node scripts/assemble.mjs FOLDER
//
// Packages are those of package.json's `dependencies`, for this platform. deploy/Dockerfile calls it; test/integration/assemble.test.ts
// starts a server from what it makes.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const ADDON = join('src', 'native', 'build', 'Release', 'headwater.node');

/** Throws when the clone is not set up. */
export function assemble(target) {
  for (const needed of [join('dist', 'src', 'server', 'cli.js'), ADDON]) {
    if (!existsSync(join(ROOT, needed))) throw new Error(`assemble: ${needed} is missing: run npm run setup first`);
  }
  mkdirSync(target, { recursive: true });
  const copy = (path, filter = () => true) =>
    cpSync(join(ROOT, path), join(target, path), { recursive: true, dereference: true, filter });
  for (const path of [
    'package.json',
    'LICENSE',
    'bin',
    'models',
    join('src', 'server', 'page'),
    join('deploy', 'fetch-model.mjs'),
    ADDON,
  ])
    copy(path);
  for (const path of ['dist/src', 'dist/protos']) copy(path, (from) => !from.endsWith('.map'));
  copy('protos', (from) => !from.includes(`${sep}generated`) && !from.endsWith('.ts'));
  for (const path of productionPackages()) copy(path, (from) => isForHere(from.slice(ROOT.length)));
}

/** Folders of the packages that are no development ones, as package-lock.json has them and npm installed them. */
function productionPackages() {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
  return Object.entries(packages)
    .filter(([path, entry]) => path !== '' && !entry.dev && !entry.devOptional && existsSync(join(ROOT, path)))
    .map(([path]) => path);
}

/** ONNX Runtime's package brings the libraries of all platforms: 300 MB. */
function isForHere(path) {
  const binaries = /onnxruntime-node[\\/]bin[\\/]napi-v\d+[\\/](\w+)(?:[\\/](\w+))?/.exec(path);
  if (binaries === null) return true;
  const [, platform, arch] = binaries;
  return platform === process.platform && (arch === undefined || arch === process.arch);
}

if (process.argv[1] && fileURLToPath(import.meta.url) === process.argv[1]) {
  const [target] = process.argv.slice(2);
  if (target === undefined) {
    console.error('usage: node scripts/assemble.mjs FOLDER');
    process.exitCode = 2;
  } else if (existsSync(target) && readdirSync(target).length > 0) {
    console.error(`assemble: ${target} is not empty`);
    process.exitCode = 2;
  } else assemble(target);
}
