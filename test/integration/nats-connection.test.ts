import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import {
  connectNats,
  isTooLarge,
  isUnavailable,
  type LinkOptions,
  type NatsLink,
} from '../../src/learner/nats/connection/connection.js';
import { LearnerError } from '../../src/learner/types.js';
import { freePort, natsMissing, startTestNats } from '../support/nats.js';

const skip = natsMissing();

async function link(t: TestContext, options: Pick<LinkOptions, 'url'> & Partial<LinkOptions>): Promise<NatsLink> {
  const made = await connectNats({ name: 'test', log: () => {}, ...options });
  t.after(() => made.close());
  return made;
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, `it did not come to pass: ${what}`);
    await delay(20);
  }
}

function fails(code: LearnerError['code'], message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof LearnerError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  };
}

describe('the connection to NATS', { skip }, () => {
  it('takes user and password from the URL, and never logs them', async (t) => {
    const password = '1p@ss:/w%rd';
    const server = await startTestNats({ t, user: 'ann', password });
    const lines: string[] = [];
    const log = (_level: string, message: string, fields?: object) =>
      lines.push(message + JSON.stringify(fields ?? {}));
    const made = await link(t, { url: server.url, log });
    assert.ok(made.connected);
    assert.equal(made.servers, `127.0.0.1:${server.port}`);
    await server.restart();
    await until(() => lines.some((line) => line.startsWith('reconnected')), 'the log says so');
    const wrong = connectNats({ url: server.url.replace('ann', 'bob'), name: 'test', log });
    await assert.rejects(wrong, fails('nats_setup', /refuses our credentials/));
    for (const line of lines) assert.ok(!line.includes('p@ss') && !line.includes('p%40ss'), line);
  });

  it('takes a token from the URL', async (t) => {
    const server = await startTestNats({ t, token: 's3cret' });
    assert.ok((await link(t, { url: server.url })).connected);
    await assert.rejects(connectNats({ url: `127.0.0.1:${server.port}`, name: 'test', log: () => {} }));
  });

  it('takes the first address of a list that answers', async (t) => {
    const server = await startTestNats({ t });
    const made = await link(t, { url: [`nats://127.0.0.1:${await freePort()}`, server.url] });
    assert.equal(made.connection.getServer(), `127.0.0.1:${server.port}`);
  });

  it('says where nobody answers', async () => {
    const port = await freePort();
    const nobody = connectNats({ url: `nats://u:secret@127.0.0.1:${port}`, name: 'test', log: () => {} });
    await assert.rejects(nobody, fails('nats_unavailable', new RegExp(`127\\.0\\.0\\.1:${port}.*is it running`)));
  });

  it('waits for the first connection when asked to, until it is aborted', async (t) => {
    const server = await startTestNats({ t });
    await server.terminate();
    const warnings: string[] = [];
    const options = {
      url: server.url,
      waitOnFirstConnect: true,
      log: (_: string, message: string) => void warnings.push(message),
    };
    const waiting = link(t, options);
    await until(() => warnings.length > 0, 'a warning');
    await server.restart();
    assert.ok((await waiting).connected);

    const aborted = new AbortController();
    const url = `127.0.0.1:${await freePort()}`;
    const given = connectNats({ ...options, name: 'test', url, signal: aborted.signal });
    setTimeout(() => aborted.abort(), 100);
    await assert.rejects(given, fails('nats_unavailable', /gave up/));
  });

  it('knows at once when the server goes, and comes back by itself with its new limits', async (t) => {
    const server = await startTestNats({ t, maxPayload: 100_000 });
    const seen: boolean[] = [];
    const made = await link(t, { url: server.url, onStatus: (connected) => seen.push(connected) });
    made.onStatus((connected) => assert.equal(connected, made.connected));
    assert.equal(made.maxPayload, 100_000);
    await server.kill9();
    await until(() => !made.connected, 'the loss');
    await assert.rejects(made.jetstream().publish('x', 'y', { timeout: 200 }), isUnavailable);
    await server.restart();
    await until(() => made.connected, 'the return');
    assert.deepEqual(seen, [true, false, true]);
    await made.connection.flush();
  });

  it('does not give up when its credentials are refused for a while', async (t) => {
    const server = await startTestNats({ t, user: 'ann', password: 'old' });
    const made = await link(t, { url: server.url });
    await server.reconfigure({ password: 'new' });
    await until(() => !made.connected, 'the loss');
    await delay(2_000);
    assert.ok(!made.connection.isClosed());
    await server.reconfigure({ password: 'old' });
    await until(() => made.connected, 'the return');
  });

  it('notices a server that hangs', async (t) => {
    const server = await startTestNats({ t });
    const made = await link(t, { url: server.url });
    server.pause();
    await until(() => !made.connected, 'the loss');
    server.resume();
    await until(() => made.connected, 'the return');
  });

  it('tells what is too large for the server', async (t) => {
    const server = await startTestNats({ t, maxPayload: 1000 });
    const made = await link(t, { url: server.url });
    assert.throws(() => made.connection.publish('x', new Uint8Array(1001)), isTooLarge);
    await assert.rejects(made.jetstream().publish('x', new Uint8Array(1001)), isTooLarge);
  });

  it('closes in bounded time, with the server there, hanging or gone', async (t) => {
    for (const state of ['there', 'hanging', 'gone'] as const) {
      const server = await startTestNats({ t });
      const made = await link(t, { url: server.url });
      made.connection.subscribe('x', { callback: () => {} });
      const seen: boolean[] = [];
      made.onStatus((connected) => seen.push(connected));
      if (state === 'hanging') server.pause();
      if (state === 'gone') {
        await server.kill9();
        await until(() => !made.connected, 'the loss');
      }
      await Promise.all([made.close(), made.close()]);
      assert.ok(made.connection.isClosed(), state);
      assert.deepEqual(seen, [false], state);
    }
  });

  it('delivers what was published before it closes', async (t) => {
    const server = await startTestNats({ t });
    const reader = await link(t, { url: server.url });
    let received = 0;
    reader.connection.subscribe('x', { callback: () => void received++ });
    await reader.connection.flush();
    const writer = await link(t, { url: server.url });
    for (let i = 0; i < 1000; i++) writer.connection.publish('x', 'y');
    await writer.close();
    await until(() => received === 1000, 'all messages');
  });
});
