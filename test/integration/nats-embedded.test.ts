import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connect, nkeyAuthenticator } from 'nats';
import { connectNats, type NatsLink } from '../../src/learner/nats/connection/connection.js';
import { type EmbeddedNats, startEmbeddedNats } from '../../src/learner/nats/server/embedded-server.js';
import { processesWithConfig, processStartTime } from '../../src/learner/nats/server/processes.js';
import { DEFAULT_STREAM_BYTES, ensureStreams } from '../../src/learner/nats/streams/streams.js';
import { LearnerError } from '../../src/learner/types.js';
import { natsMissing, natsServerBinary } from '../support/nats.js';
import { nkeyUser } from '../support/nats-jwt.js';

const skip = natsMissing();
const silent = () => {};

function dataDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'headwater-embedded-'));
  t.after(async () => {
    // Whatever a failed test left running.
    const files = [join(directory, 'nats', 'nats-server.conf'), join(directory, 'nats')] as const;
    for (const pid of await processesWithConfig(...files)) process.kill(pid, 'SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  });
  return directory;
}

async function start(
  t: TestContext,
  dataDir: string,
  log = silent as (...line: unknown[]) => void,
): Promise<EmbeddedNats> {
  const server = await startEmbeddedNats({ dataDir, serverBinary: natsServerBinary() ?? null, log });
  t.after(() => server.stop());
  return server;
}

async function linkTo(t: TestContext, url: string): Promise<NatsLink> {
  const link = await connectNats({ url, name: 'test', log: silent });
  t.after(() => link.close());
  return link;
}

async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `it did not come to pass: ${what}`);
    await delay(20);
  }
}

/** A process that runs an embedded server until it is killed. Resolves once the server is ready. */
async function parent(t: TestContext, dataDir: string, code = ''): Promise<ChildProcess> {
  const module = new URL('../../src/learner/nats/server/embedded-server.js', import.meta.url).href;
  const options = JSON.stringify({ dataDir, serverBinary: natsServerBinary() });
  const script = `
    const { startEmbeddedNats } = await import(${JSON.stringify(module)});
    await startEmbeddedNats({ ...${options}, log: () => {} });
    console.log('ready');
    ${code || 'setInterval(() => {}, 1000);'}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve);
    child.once('exit', reject);
  });
  return child;
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.once('exit', () => resolve());
  });
}

function credentials(dataDir: string): { url: string; port: number; pid: number | null } {
  return JSON.parse(readFileSync(join(dataDir, 'nats.json'), 'utf8'));
}

function runs(pid: number): Promise<boolean> {
  return processStartTime(pid).then((time) => time !== undefined);
}

describe('the embedded nats-server', { skip }, () => {
  it('answers with JetStream at the URL in nats.json, to those with the password only', async (t) => {
    const dataDir = dataDirectory(t);
    const server = await start(t, dataDir);
    const found = credentials(dataDir);
    assert.deepEqual(found, {
      url: server.url,
      host: '127.0.0.1',
      port: server.port,
      user: server.user,
      password: server.password,
      pid: server.pid,
    });
    assert.equal(statSync(server.credentialsFile).mode & 0o777, 0o600);
    assert.equal(statSync(join(dataDir, 'nats', 'nats-server.conf')).mode & 0o777, 0o600);
    const link = await linkTo(t, found.url);
    assert.equal(link.maxPayload, 8_388_608);
    assert.ok((await link.connection.jetstreamManager()).streams);
    const stranger = connectNats({ url: `nats://127.0.0.1:${server.port}`, name: 'stranger', log: silent });
    await assert.rejects(stranger, (error) => error instanceof LearnerError && error.code === 'nats_setup');
  });

  it('listens on loopback alone, and lets nobody in without its password', async (t) => {
    const [first, second] = [dataDirectory(t), dataDirectory(t)];
    const [server, other] = [await start(t, first), await start(t, second)];
    assert.match(server.password, /^[\w-]{32}$/);
    assert.notEqual(server.password, other.password);
    const { host, port, user } = server;
    for (const who of [
      {},
      { user, pass: '' },
      { user, pass: other.password },
      { user: 'admin', pass: server.password },
      { token: server.password },
      { token: '' },
      { authenticator: nkeyAuthenticator(Buffer.from(nkeyUser().seed)) },
    ]) {
      const refused = connect({ servers: `${host}:${port}`, reconnect: false, ...who });
      await assert.rejects(refused, { code: 'AUTHORIZATION_VIOLATION' }, JSON.stringify(Object.keys(who)));
    }
    if (process.platform === 'linux') assert.deepEqual(listeningSockets(server.pid!), [`127.0.0.1:${port}`]);
  });

  it('closes its files to others, and changes a password that they could have read', async (t) => {
    const dataDir = dataDirectory(t);
    const server = await start(t, dataDir);
    await storeOne(await linkTo(t, server.url));
    await server.stop();
    const config = join(dataDir, 'nats', 'nats-server.conf');
    const open = [server.credentialsFile, config, `${server.credentialsFile}.new`, `${config}.new`];
    for (const path of open) {
      if (path.endsWith('.new')) writeFileSync(path, 'left over');
      chmodSync(path, 0o666);
    }
    chmodSync(join(dataDir, 'nats'), 0o777);
    const lines: string[] = [];
    const again = await start(t, dataDir, (level, message) => lines.push(`${level} ${message}`));
    assert.notEqual(again.password, server.password);
    assert.ok(lines.some((line) => /^warn .*nats\.json could be read by others \(mode 666\)/.test(line)));
    assert.ok(!lines.join().includes(again.password) && !lines.join().includes(server.password));
    for (const path of [again.credentialsFile, config]) assert.equal(statSync(path).mode & 0o777, 0o600, path);
    assert.equal(statSync(join(dataDir, 'nats')).mode & 0o007, 0);
    const old = connect({
      servers: `127.0.0.1:${again.port}`,
      user: 'headwater',
      pass: server.password,
      reconnect: false,
    });
    await assert.rejects(old, { code: 'AUTHORIZATION_VIOLATION' });
    assert.equal(await count(await linkTo(t, again.url)), 1, 'the data is there');
    await again.stop();
    assert.equal(statSync(again.credentialsFile).mode & 0o777, 0o600);
  });

  it('does not write through a link that somebody else laid', async (t) => {
    const dataDir = dataDirectory(t);
    const victim = join(dataDirectory(t), 'victim');
    writeFileSync(victim, 'kept', { mode: 0o644 });
    symlinkSync(victim, join(dataDir, 'nats.json.new'));
    symlinkSync(victim, join(dataDir, 'nats.json'));
    const server = await start(t, dataDir);
    assert.equal(readFileSync(victim, 'utf8'), 'kept');
    assert.ok(lstatSync(server.credentialsFile).isFile());
  });

  it('has room for the default streams whatever the disk has', async (t) => {
    const server = await start(t, dataDirectory(t));
    const link = await linkTo(t, server.url);
    await ensureStreams(link, {
      replicas: 1,
      windowMs: 1000,
      bytes: { ...DEFAULT_STREAM_BYTES, training: 2 ** 39 },
      log: silent,
    });
  });

  it('keeps data, port and password over a stop, and is gone when stopped', async (t) => {
    const dataDir = dataDirectory(t);
    const first = await start(t, dataDir);
    const { pid } = first;
    await storeOne(await linkTo(t, first.url));
    await first.stop();
    assert.ok(!(await runs(pid!)));
    assert.equal(credentials(dataDir).pid, null);
    const second = await start(t, dataDir);
    assert.equal(second.url, first.url);
    assert.equal(await count(await linkTo(t, second.url)), 1);
  });

  it('takes another port when the old one is used by somebody else', async (t) => {
    const dataDir = dataDirectory(t);
    const first = await start(t, dataDir);
    await first.stop();
    const other = createServer().listen(first.port, '127.0.0.1');
    t.after(() => other.close());
    const second = await start(t, dataDir);
    assert.notEqual(second.port, first.port);
    assert.equal(credentials(dataDir).port, second.port);
  });

  it('is started again on its port when it is killed, and says so', async (t) => {
    const lines: string[] = [];
    const server = await start(t, dataDirectory(t), (_level, message) => lines.push(String(message)));
    const deaths: string[] = [];
    server.onExit((how) => deaths.push(how));
    const link = await linkTo(t, server.url);
    await storeOne(link);
    for (let death = 1; death <= 3; death++) {
      const killed = server.pid!;
      process.kill(killed, 'SIGKILL');
      await until(() => server.pid !== undefined && server.pid !== killed && link.connected, 'a new server');
      assert.equal(deaths.length, death);
      const again = () => lines.filter((line) => line.startsWith('nats-server runs again')).length;
      await until(() => again() === death, 'the log says so');
      assert.equal(credentials(join(server.credentialsFile, '..')).pid, server.pid);
    }
    await until(async () => (await count(link).catch(() => 0)) === 1, 'the data is back');
    await until(
      () => lines.filter((line) => line.startsWith('nats-server runs again')).length === 3,
      'the log says so',
    );
    assert.equal(lines.filter((line) => /was killed by SIGKILL; starting it again/.test(line)).length, 3);
  });

  it('leaves nothing running when it is stopped while it starts again', async (t) => {
    const dataDir = dataDirectory(t);
    for (const waitMs of [0, 230, 300]) {
      const server = await start(t, dataDir);
      process.kill(server.pid!, 'SIGKILL');
      await delay(waitMs);
      await server.stop();
      assert.equal(server.pid, undefined);
      const directory = join(dataDir, 'nats');
      assert.deepEqual(await processesWithConfig(join(directory, 'nats-server.conf'), directory), []);
    }
  });

  it('survives its parent, and is stopped before another starts on its store', async (t) => {
    const dataDir = dataDirectory(t);
    const killed = await parent(t, dataDir);
    const orphan = credentials(dataDir).pid!;
    await storeOne(await linkTo(t, credentials(dataDir).url));
    killed.kill('SIGKILL');
    await ended(killed);
    assert.ok(await runs(orphan), 'the server outlives its parent');

    // By another spelling of the same directory.
    const alias = `${dataDir}-alias`;
    symlinkSync(dataDir, alias);
    t.after(() => rmSync(alias, { force: true }));
    const lines: string[] = [];
    const server = await start(t, alias, (_level, message) => lines.push(String(message)));
    assert.ok(!(await runs(orphan)), 'the orphan is gone');
    assert.ok(lines.some((line) => line.includes(`stopping nats-server ${orphan}`)));
    assert.equal(await count(await linkTo(t, server.url)), 1);
    const { config, directory } = {
      config: join(dataDir, 'nats', 'nats-server.conf'),
      directory: join(dataDir, 'nats'),
    };
    assert.deepEqual(await processesWithConfig(config, directory), [server.pid]);
  });

  it('stops an orphan whose directory was renamed since', {
    skip: process.platform !== 'linux' && 'needs /proc',
  }, async (t) => {
    const dataDir = dataDirectory(t);
    const killed = await parent(t, dataDir);
    const orphan = credentials(dataDir).pid!;
    killed.kill('SIGKILL');
    await ended(killed);
    const moved = `${dataDir}-moved`;
    renameSync(dataDir, moved);
    t.after(() => rmSync(moved, { recursive: true, force: true }));
    const server = await start(t, moved);
    assert.ok(!(await runs(orphan)));
    await server.stop();
  });

  it('ends when its parent exits without stopping it', async (t) => {
    const dataDir = dataDirectory(t);
    const child = await parent(t, dataDir, 'process.exit(0);');
    await ended(child);
    const { pid } = credentials(dataDir);
    await until(async () => !(await runs(pid!)), 'the server ends with its parent');
  });

  it('leaves alone what only mentions its configuration, and other servers', async (t) => {
    const dataDir = dataDirectory(t);
    const other = await start(t, dataDirectory(t));
    const config = join(dataDir, 'nats', 'nats-server.conf');
    mkdirSync(join(dataDir, 'nats'));
    writeFileSync(config, '');
    const reader = spawn('tail', ['-f', config], { stdio: 'ignore' });
    t.after(() => reader.kill('SIGKILL'));
    await start(t, dataDir);
    assert.ok(await runs(reader.pid!));
    assert.ok(await runs(other.pid!));
  });

  it('says why it does not come up', async (t) => {
    const dataDir = dataDirectory(t);
    mkdirSync(join(dataDir, 'nats'), { recursive: true });
    // A file where the store's folder should be.
    writeFileSync(join(dataDir, 'nats', 'jetstream'), '');
    await assert.rejects(start(t, dataDir), (error) => {
      assert.ok(error instanceof LearnerError);
      assert.equal(error.code, 'nats_setup');
      assert.match(error.message, /exited with 1: .*storage directory/i);
      return true;
    });
  });

  it('keeps its log bounded', async (t) => {
    const dataDir = dataDirectory(t);
    const first = await start(t, dataDir);
    await first.stop();
    for (let i = 1; i <= 4; i++) writeFileSync(`${first.logFile}.2026.01.01.00.00.0${i}.0`, '');
    appendFileSync(first.logFile, Buffer.alloc(9 * 2 ** 20, '\n'));
    const second = await start(t, dataDir);
    await second.stop();
    const third = await start(t, dataDir);
    await third.stop();
    const logs = readdirSync(join(dataDir, 'nats')).filter((name) => name.startsWith('nats-server.log'));
    assert.ok(logs.length <= 4, logs.join(' '));
    assert.ok(statSync(third.logFile).size < 2 ** 20, 'a large log is put aside');
  });
});

/** Addresses that a process listens on, from /proc. */
function listeningSockets(pid: number): string[] {
  const inodes = new Set<string>();
  for (const descriptor of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const target = readlinkSync(`/proc/${pid}/fd/${descriptor}`);
      inodes.add(/^socket:\[(\d+)\]$/.exec(target)?.[1] ?? '');
    } catch {
      // Closed meanwhile.
    }
  }
  const found: string[] = [];
  for (const table of ['tcp', 'tcp6', 'udp', 'udp6']) {
    for (const line of readFileSync(`/proc/${pid}/net/${table}`, 'utf8').split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/);
      const listens = table.startsWith('udp') || fields[3] === '0A';
      if (!listens || !inodes.has(fields[9] ?? '-')) continue;
      const [address = '', port = ''] = (fields[1] ?? '').split(':');
      const bytes = [...Buffer.from(address, 'hex')].reverse();
      found.push(`${bytes.length === 4 ? bytes.join('.') : address}:${Number.parseInt(port, 16)}`);
    }
  }
  return found;
}

async function storeOne(link: NatsLink): Promise<void> {
  const manager = await link.connection.jetstreamManager();
  await manager.streams.add({ name: 'KEPT', subjects: ['kept'] });
  await link.jetstream().publish('kept', 'one');
}

async function count(link: NatsLink): Promise<number> {
  const manager = await link.connection.jetstreamManager();
  return (await manager.streams.info('KEPT')).state.messages;
}
