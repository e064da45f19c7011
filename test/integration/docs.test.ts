// The commands of the pages that new users follow, run one after the other against a server as they start it; TypeScript and Python of
// docs/protocol.md against the same server.
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { parse } from 'yaml';
import { reflectionDefinition } from '../../protos/index.js';
import { codeBlocks, headwaterArguments, shellLines } from '../support/documents.js';
import { ROOT } from '../support/repository.js';
import { seededRandom } from '../support/seeded-random.js';
import { type ServerProcess, startServer } from '../support/server-process.js';
import { temporaryFolder } from '../support/test-learning.js';

const run = promisify(execFile);
const CLASSES = { cat: '#c83232', dog: '#3232c8' };
/** Pages in the order in which they are followed: later ones use what earlier ones taught. */
const PAGES = ['docs/quick-start.md', 'docs/labels.md', 'docs/backbones.md', 'docs/operations.md', 'docs/protocol.md'];
const blocksOf = (page: string, language: string) =>
  codeBlocks(page).filter((block) => block.language === language && block.notRun === undefined);

const afterAll: (() => unknown)[] = [];
const whole = { after: (work: () => unknown) => void afterAll.unshift(work) } as Pick<TestContext, 'after'>;
let server: ServerProcess;
let folder: string;

before(async () => {
  folder = temporaryFolder(whole);
  await drawPhotos(join(folder, 'photos'));
  for (const name of ['cat', 'dog']) cpSync(join(folder, 'photos', name, '1.jpg'), join(folder, `${name}.jpg`));
  symlinkSync(join(ROOT, 'models'), join(folder, 'models'));
  symlinkSync(join(ROOT, 'protos'), join(folder, 'protos'));
  const [yaml] = blocksOf('docs/quick-start.md', 'yaml');
  const config = parse(yaml?.text ?? '') as { backbones: { model: string }[] };
  const backbones = config.backbones.map((backbone) => ({
    ...backbone,
    threads: 1,
    model: join(ROOT, backbone.model),
  }));
  server = await startServer(whole, { ...config, backbones, snapshots: { everySamples: 5, interval: '200ms' } });
});
after(async () => {
  for (const work of afterAll) await work();
});

/** Twelve photos a class: a plain colour with noise. */
async function drawPhotos(target: string): Promise<void> {
  const random = seededRandom(1);
  for (const [name, background] of Object.entries(CLASSES)) {
    mkdirSync(join(target, name), { recursive: true });
    for (let index = 1; index <= 12; index++) {
      const image = sharp({ create: { width: 100, height: 80 + Math.floor(20 * random()), channels: 3, background } });
      await image.jpeg().toFile(join(target, name, `${index}.jpg`));
    }
  }
}

/** A command of a page with this server in the place of the one on the usual ports. */
async function runCommand(command: string): Promise<string> {
  const words = headwaterArguments(command);
  const env = { ...process.env, PATH: `${join(ROOT, 'node_modules/.bin')}:${process.env.PATH}` };
  const options = { cwd: folder, env, timeout: 240_000, maxBuffer: 64 * 1024 * 1024 };
  if (words !== undefined) {
    const remote = ['feed', 'predict', 'heads'].includes(words[0] as string) ? ['--server', server.grpc] : [];
    const { stdout } = await run(process.execPath, [join(ROOT, 'bin/headwater.js'), ...words, ...remote], options);
    return stdout;
  }
  const here = command.replaceAll('http://localhost:8002', server.http).replaceAll('localhost:8001', server.grpc);
  const { stdout } = await run('bash', ['-o', 'pipefail', '-c', here], options);
  return stdout;
}

for (const page of PAGES) {
  test(`the commands of ${page} run`, async () => {
    for (const block of blocksOf(page, 'sh')) {
      for (const command of shellLines(block)) {
        // They belong to the Python below them, which not every machine can run.
        if (command.startsWith('python3 ')) continue;
        const out = await runCommand(command).catch((error) =>
          assert.fail(`${page}:${block.line}: ${command}\n${error.stderr ?? ''}${error.message}\n${server.output()}`),
        );
        assert.notEqual(out.trim(), '', `${page}: ${command} says nothing`);
      }
    }
  });
}

test('what is marked as not run says why', () => {
  for (const page of PAGES) {
    for (const block of codeBlocks(page)) {
      if (block.notRun !== undefined) assert.ok(block.notRun.length > 20, `${page}:${block.line}: ${block.notRun}`);
      else
        assert.ok(['sh', 'ts', 'python', 'yaml'].includes(block.language), `${page}:${block.line}: ${block.language}`);
    }
  }
});

test('the TypeScript of docs/protocol.md fits the types of headwater/client, and runs', async () => {
  const blocks = codeBlocks('docs/protocol.md').filter(({ language }) => language === 'ts');
  assert.ok(blocks.length >= 3);
  const project = join(folder, 'typescript');
  installPackage(project);
  for (const [index, { text }] of blocks.entries()) writeFileSync(join(project, `block${index}.ts`), text);
  const compilerOptions = {
    ...{ target: 'ES2023', lib: ['ES2023'], types: ['node'], module: 'NodeNext', strict: true, skipLibCheck: true },
    ...{ noUncheckedIndexedAccess: true, typeRoots: [join(ROOT, 'node_modules/@types')] },
  };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  const { status, stdout } = spawnSync(process.execPath, [compiler, '-p', project], { encoding: 'utf8' });
  assert.equal(status, 0, stdout);
  for (const [index, { notRun, line }] of blocks.entries()) {
    if (notRun !== undefined) continue;
    const file = join(project, `block${index}.js`);
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll('localhost:8001', server.grpc));
    const { stdout: out, stderr } = await run(process.execPath, [file], { cwd: folder, timeout: 60_000 });
    assert.equal(stderr, '', `docs/protocol.md:${line}`);
    assert.match(out, /cat/, `docs/protocol.md:${line}`);
  }
});

/** A project whose `headwater` is this build, found by the `exports` of package.json. */
function installPackage(project: string): void {
  const installed = join(project, 'node_modules', 'headwater');
  mkdirSync(installed, { recursive: true });
  writeFileSync(join(project, 'package.json'), JSON.stringify({ type: 'module' }));
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  assert.deepEqual(exports['./client'], {
    types: './dist/src/client/index.d.ts',
    default: './dist/src/client/index.js',
  });
  writeFileSync(join(installed, 'package.json'), JSON.stringify({ name: 'headwater', type: 'module', exports }));
  const built = new URL('../../src/client/', import.meta.url);
  const target = join(installed, 'dist/src/client');
  mkdirSync(target, { recursive: true });
  const index = JSON.stringify(new URL('index.js', built).pathname);
  writeFileSync(join(target, 'index.d.ts'), `export * from ${index};\n`);
  writeFileSync(join(target, 'index.js'), `export * from ${JSON.stringify(pathToFileURL(JSON.parse(index)).href)};\n`);
}

const python = ['/usr/bin/python3', 'python3'].find((name) => {
  try {
    execFileSync(name, ['-c', 'import grpc, google.protobuf'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
});

test('the Python of docs/protocol.md runs', {
  skip: python === undefined ? 'no Python with grpcio (Debian: python3-grpcio)' : false,
}, async () => {
  const env: NodeJS.ProcessEnv = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' };
  const options = { cwd: folder, env: { ...env, PYTHONPATH: [folder, env.PYTHONPATH].filter(Boolean).join(':') } };
  writeStubs(join(folder, 'headwater/v1'));
  for (const [index, { text, line }] of blocksOf('docs/protocol.md', 'python').entries()) {
    const file = join(folder, `block${index}.py`);
    writeFileSync(file, text.replaceAll('localhost:8001', server.grpc));
    const { stdout } = await run(python as string, [file], { ...options, timeout: 60_000 });
    assert.match(stdout, /\d/, `docs/protocol.md:${line}`);
  }
});

/**
 * What the command above the Python makes, from the server's descriptors: Debian's grpc_tools (1.14) is too old for `optional` fields, and
 * others have none.
 */
function writeStubs(target: string): void {
  mkdirSync(target, { recursive: true });
  const files = reflectionDefinition()['headwater.v1.Label'] as unknown as { fileDescriptorProtos: Buffer[] };
  for (const [index, file] of files.fileDescriptorProtos.entries()) writeFileSync(join(target, `${index}.bin`), file);
  cpSync(join(ROOT, 'test/support/python/learning_pb2.py'), join(target, 'learning_pb2.py'));
  cpSync(join(ROOT, 'test/support/python/learning_pb2_grpc.py'), join(target, 'learning_pb2_grpc.py'));
}
