// Step 2: TypeScript to dist/, with the types of the protocols made first. Also `npm run build`.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { excerpt, ROOT, run, SetupError } from './run.mjs';

const DIST = join(ROOT, 'dist');
const STAMP = join(DIST, '.sources');
const GENERATED = join(ROOT, 'protos', 'generated');
const SOURCE_FOLDERS = ['src', 'protos', 'loadtest', 'bench', 'fuzz', 'test'];
// Besides the sources these decide what comes out of a build.
const SETTINGS = ['tsconfig.json', 'package-lock.json', 'scripts/setup/build.mjs'];
const PROTOS = ['inference/grpc_service.proto', 'headwater/v1/learning.proto'];

export const build = {
  name: 'build',

  /** Whether dist/ was made from exactly these sources. */
  isDone() {
    return existsSync(STAMP) && existsSync(GENERATED) && readFileSync(STAMP, 'utf8') === sourcesDigest();
  },

  run() {
    const digest = sourcesDigest();
    generateProtoTypes();
    compile(digest);
  },
};

/** sha256 over names and contents of all that a build reads. A few hundred small files: milliseconds. */
function sourcesDigest() {
  const hash = createHash('sha256');
  const names = [...SETTINGS, ...SOURCE_FOLDERS.flatMap((folder) => sourcesBelow(folder))];
  for (const name of names)
    hash
      .update(`${name}\0`)
      .update(readFileSync(join(ROOT, name)))
      .update('\0');
  return hash.digest('hex');
}

/** Paths below `folder`, relative to the root, of TypeScript and protocol files that people write. */
function sourcesBelow(folder) {
  if (!existsSync(join(ROOT, folder))) return [];
  const entries = readdirSync(join(ROOT, folder), { withFileTypes: true });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return path === 'protos/generated' ? [] : sourcesBelow(path);
    return /\.(ts|proto)$/.test(entry.name) ? [path] : [];
  });
}

/** Types and handlers' interfaces of the gRPC services, from the .proto files; nothing is generated at run time. */
function generateProtoTypes() {
  const fresh = emptyFolder(join(ROOT, '.tools', 'protos-generated'));
  runTool('the generator of protocol types', [
    join('node_modules', '@grpc', 'proto-loader', 'build', 'bin', 'proto-loader-gen-types.js'),
    // --includeDirs takes a list, so another option has to stand between it and the files.
    ...['--includeDirs=protos', '--longs=Number', '--enums=String', '--defaults', '--oneofs'],
    ...['--importFileExtension=.js', '--targetFileExtension=.ts', '--grpcLib=@grpc/grpc-js', `--outDir=${fresh}`],
    ...PROTOS,
  ]);
  replaceFolder(GENERATED, fresh);
}

/** Compiles into a fresh folder that replaces dist/ as a whole, so that nothing of a removed source stays behind. */
function compile(digest) {
  const fresh = emptyFolder(join(ROOT, '.build-setup'));
  runTool('the TypeScript compiler', [join('node_modules', 'typescript', 'bin', 'tsc'), '-p', '.', '--outDir', fresh]);
  writeFileSync(join(fresh, '.sources'), digest);
  replaceFolder(DIST, fresh);
}

function runTool(what, args) {
  const result = run(process.execPath, args);
  if (!result.ok) throw new SetupError(`${what} found errors:\n${excerpt(result.output)}`);
}

function emptyFolder(path) {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
  return path;
}

function replaceFolder(path, fresh) {
  rmSync(path, { recursive: true, force: true });
  renameSync(fresh, path);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    if (!build.isDone()) build.run();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`build: ${error.message}`);
    process.exitCode = 1;
  }
}
