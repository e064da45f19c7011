// The parts of scripts/setup.mjs that can be tested without setting anything up. (`npm test` has run the rest by now.)
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
});
