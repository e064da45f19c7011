import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import {
  compareVersions,
  findServerBinary,
  parseServerVersion,
} from '../../../../src/learner/nats/server/find-server.js';
import { LearnerError } from '../../../../src/learner/types.js';

function program(t: TestContext, says: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'headwater-binary-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'nats-server');
  writeFileSync(path, `#!/bin/sh\n${says}\n`);
  chmodSync(path, 0o755);
  return path;
}

async function problem(configured: string): Promise<string> {
  const error = await findServerBinary(configured).then(
    () => assert.fail('it was taken'),
    (caught: unknown) => caught,
  );
  assert.ok(error instanceof LearnerError);
  assert.equal(error.code, 'nats_setup');
  return error.message;
}

describe('finding nats-server', () => {
  it('reads versions', () => {
    assert.equal(parseServerVersion('nats-server: v2.9.10\n'), '2.9.10');
    assert.equal(parseServerVersion('nats-server: v2.11.0-beta.1'), '2.11.0');
    assert.equal(parseServerVersion('nginx 1.2.3'), undefined);
  });

  it('compares versions by number', () => {
    assert.ok(compareVersions('2.9.9', '2.9.10') < 0);
    assert.ok(compareVersions('2.10.0', '2.9.10') > 0);
    assert.equal(compareVersions('2.9.10', '2.9.10'), 0);
  });

  it('takes the configured one', async (t) => {
    const path = program(t, 'echo "nats-server: v2.9.10"');
    assert.deepEqual(await findServerBinary(path), { path, version: '2.9.10' });
  });

  it('says what is missing and how to get it', async (t) => {
    const old = program(t, 'echo "nats-server: v2.8.4"');
    assert.match(await problem(old), /version 2\.8\.4.* needs 2\.9\.10.*apt install nats-server/);
    assert.match(
      await problem('/nowhere/nats-server'),
      /nats\.serverBinary \/nowhere\/nats-server does not run.*apt install/,
    );
    assert.match(await problem(program(t, 'exit 3')), /does not run/);
    assert.match(await problem(program(t, 'echo hello')), /not a nats-server: it says "hello/);
  });
});
