// The parts of scripts/setup.mjs that can be tested without setting anything up. (`npm test` has run the rest by now.)
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { ROOT } from '../support/repository.js';

/** The scripts are plain JavaScript without types, and outside the folders that are compiled. */
const load = (name: string) => import(pathToFileURL(join(ROOT, 'scripts', name)).href);

describe('setup', () => {
  it('says what to do about a Node.js that is too old, and nothing about others', async () => {
    const { nodeVersionProblem } = await load('setup.mjs');
    for (const version of ['12.22.12', '18.20.4', '20.8.1']) {
      assert.match(nodeVersionProblem(version), new RegExp(`needs Node.js 20.9 or newer, this is ${version}: install`));
    }
    for (const version of ['20.9.0', '20.20.2', '22.0.0', '24.1.0', '100.0.0']) {
      assert.equal(nodeVersionProblem(version), null);
    }
  });

  it('refuses a HEADWATER_NATS_SERVER_BINARY that is missing, no nats-server, or too old, and names it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'headwater-setup-'));
    const script = (name: string, prints: string) => {
      const path = join(folder, name);
      writeFileSync(path, `#!/bin/sh\necho '${prints}'\n`);
      chmodSync(path, 0o755);
      return path;
    };
    const program = `import(${JSON.stringify(pathToFileURL(join(ROOT, 'scripts/setup/nats-server.mjs')).href)})
      .then(({ natsServer }) => console.log(natsServer.isDone()), (error) => console.log(error.message))
      .catch((error) => console.log(error.message))`;
    const isDone = (binary: string) => {
      const env = { ...process.env, HEADWATER_NATS_SERVER_BINARY: binary };
      return spawnSync(process.execPath, ['-e', program], { encoding: 'utf8', env }).stdout.trim();
    };
    try {
      assert.equal(isDone(script('oldest', 'nats-server: v2.9.10')), 'true');
      assert.equal(isDone(script('newer', 'nats-server: v2.11.0')), 'true');
      const bad = [script('old', 'nats-server: v2.9.9'), script('other', 'hello'), join(folder, 'missing')];
      for (const binary of bad) {
        assert.equal(
          isDone(binary),
          `HEADWATER_NATS_SERVER_BINARY=${binary} is no nats-server 2.9.10 or newer: correct or unset it`,
        );
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('finds the tools that compile the addon, and names those that are missing', async () => {
    const { missingTools, nodeGyp } = await load('setup/build-tools.mjs');
    assert.match(nodeGyp(), /node-gyp\.js$/);
    const folder = mkdtempSync(join(tmpdir(), 'headwater-setup-'));
    const before = process.env.PATH;
    const { CXX, MAKE, PYTHON } = process.env;
    const missing = () => missingTools().map((tool: { name: string }) => tool.name);
    try {
      for (const name of ['CXX', 'MAKE', 'PYTHON']) delete process.env[name];
      process.env.PATH = folder;
      const named = missing();
      assert.deepEqual(named.slice(0, 3), ['a C++ compiler (g++ or clang++)', 'make', 'python3']);
      for (const program of ['clang++', 'gmake', 'python3']) writeFileSync(join(folder, program), '');
      assert.deepEqual(missing(), named.slice(3));
    } finally {
      process.env.PATH = before;
      for (const [name, value] of Object.entries({ CXX, MAKE, PYTHON }))
        if (value !== undefined) process.env[name] = value;
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('takes away an addon of older sources when it can not build a new one, says why, and does not try again', () => {
    const clone = mkdtempSync(join(tmpdir(), 'headwater-setup-'));
    const native = join(clone, 'src', 'native');
    const built = join(native, 'build', 'Release', 'headwater.node');
    const absent = join(clone, '.tools', 'addon-absent.json');
    const program = `import(${JSON.stringify(pathToFileURL(join(clone, 'scripts/setup/addon.mjs')).href)})
      .then(({ addon }) => { if (!addon.isDone()) addon.run(); console.log(addon.isDone()); })`;
    const setUp = () => {
      // A machine without a compiler; without a home, so that no folder of tools is found.
      const result = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8', env: { PATH: clone } });
      assert.equal(result.stdout, 'true\n', result.stderr);
      return result.stderr;
    };
    try {
      cpSync(join(ROOT, 'scripts'), join(clone, 'scripts'), { recursive: true });
      const isSource = (path: string) => path !== join(ROOT, 'src', 'native', 'build');
      cpSync(join(ROOT, 'src', 'native'), native, { recursive: true, filter: isSource });
      mkdirSync(dirname(built), { recursive: true });
      writeFileSync(built, 'of older sources');
      writeFileSync(join(dirname(built), '.sources'), 'older');
      assert.match(setUp(), /native addon: not built\. Missing: a C\+\+ compiler/);
      assert.ok(!existsSync(built));
      assert.equal(setUp(), '', 'it is known by now');
      for (const broken of ['{"digest": "', '', 'null', '7']) {
        writeFileSync(absent, broken);
        assert.match(setUp(), /not built\. Missing/, `a file that holds ${broken}`);
        assert.equal(JSON.parse(readFileSync(absent, 'utf8')).reason.slice(0, 8), 'Missing:');
      }
    } finally {
      rmSync(clone, { recursive: true, force: true });
    }
  });
});
