// A part that can't be stopped: the others are, and the process ends, with a status that says so.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { FakeLearning } from '../support/fake-learning.js';
import { startTestServer } from '../support/test-server.js';

class BrokenLearning extends FakeLearning {
  override async close(): Promise<void> {
    throw new Error('NATS went away while snapshots were written');
  }
}

test('a stop that fails keeps no other from running, and is the failure of close()', async () => {
  const server = await startTestServer({ learning: new BrokenLearning() });
  const { httpPort } = server.running;
  await assert.rejects(server.close(), /NATS went away while snapshots were written/);
  // The HTTP port is closed after the learner's side, the backbone before it.
  await assert.rejects(fetch(`http://127.0.0.1:${httpPort}/livez`), /fetch failed/);
  assert.equal(server.backbone.closed, true);
  await assert.rejects(server.running.close(), /NATS went away/, 'again: the same');
});

test('the process ends with status 1, whatever the part that failed still holds', { timeout: 120_000 }, async (t) => {
  const module = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
  const program = `
    const { FakeLearning } = await import(${module('../support/fake-learning.js')});
    const { FakeBackbone } = await import(${module('../support/fake-backbone.js')});
    const { parseConfig } = await import(${module('../../src/server/config/index.js')});
    const { runServer } = await import(${module('../../src/server/run.js')});
    const learning = new FakeLearning();
    learning.close = async () => {
      setInterval(() => {}, 1000);
      throw new Error('it will not end');
    };
    const config = parseConfig('roles: [join]\\nserver: { grpcPort: 0, httpPort: 0 }', { baseDir: '/nowhere', set: [], env: {} });
    const loadBackbone = async () => new FakeBackbone();
    process.exitCode = await runServer(config, { loadBackbone, startLearning: async () => learning, classify: () => {} });
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  const exit = once(child, 'exit');
  let log = '';
  let signalled = false;
  child.stderr.on('data', (chunk) => {
    log += chunk;
    if (signalled || !log.includes('"msg":"listening"')) return;
    signalled = true;
    child.kill('SIGINT');
  });
  assert.deepEqual(await exit, [1, null], log);
  assert.match(log, /it will not end/);
  assert.match(log, /not all of it/);
});
