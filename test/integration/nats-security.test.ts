import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import { type ConnectionOptions, nkeyAuthenticator } from 'nats';
import { connectNats, type NatsLink } from '../../src/learner/nats/connection/connection.js';
import type { NatsSecurity } from '../../src/learner/nats/connection/nats-security.js';
import { LearnerError } from '../../src/learner/types.js';
import { NatsSender } from '../../src/server/client/nats-sender.js';
import { type Certificate, CertificateAuthority, opensslMissing } from '../support/certificates.js';
import { natsMissing, startTestNats, type TestNats } from '../support/nats.js';
import { jwtWorld, nkeyUser } from '../support/nats-jwt.js';
import { startTestLearning } from '../support/test-learning.js';
import { until } from '../support/until.js';

const skip = natsMissing() || opensslMissing();

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'headwater-nats-security-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function secret(directory: string, name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

interface Told {
  readonly lines: string[];
  readonly log: (level: string, message: string, fields?: object) => void;
}

function teller(): Told {
  const lines: string[] = [];
  return { lines, log: (level, message, fields) => lines.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`) };
}

async function link(t: TestContext, url: string, security: NatsSecurity, told = teller()): Promise<NatsLink> {
  const made = await connectNats({ url, security, name: 'test', log: told.log });
  t.after(() => made.close());
  return made;
}

/** @param secret what neither the error nor anything in it, nor the log may hold */
async function refused(url: string, security: NatsSecurity, message: RegExp, secret = 'hush'): Promise<void> {
  const { lines, log } = teller();
  await assert.rejects(connectNats({ url, security, name: 'test', log }), (error) => {
    const all = inspect(error, { depth: 20, showHidden: true }) + lines.join();
    assert.ok(!all.includes(secret), all);
    assert.ok(error instanceof LearnerError, String(error));
    assert.match(error.message, message);
    assert.equal(error.code, 'nats_setup');
    return true;
  });
}

function tlsBlock({ certificate, key }: Certificate, ca?: string): string {
  const verify = ca === undefined ? '' : `, ca_file: ${JSON.stringify(ca)}, verify: true`;
  return `tls { cert_file: ${JSON.stringify(certificate)}, key_file: ${JSON.stringify(key)}${verify} }`;
}

/** A server with TLS on 127.0.0.1; `names` are in its certificate. */
function startTls(t: TestContext, config: string, tls: ConnectionOptions['tls']): Promise<TestNats> {
  return startTestNats({ t, config, as: { tls } });
}

const byName = ({ port }: TestNats) => `nats://localhost:${port}`;
const byAddress = ({ port }: TestNats) => `nats://127.0.0.1:${port}`;
const trusting = (ca: string) => ({ caFile: ca, checkServerIdentity: () => undefined });

describe('NATS over TLS', { skip }, () => {
  it('trusts the authority that is named, and nobody else', async (t) => {
    const ours = new CertificateAuthority(t);
    const theirs = new CertificateAuthority(t, 'a stranger');
    const server = await startTls(t, tlsBlock(ours.issue('server', 'DNS:localhost')), trusting(ours.certificate));
    const made = await link(t, byName(server), { tls: { ca: ours.certificate } });
    assert.equal(made.connection.info?.tls_required, true);
    await refused(byName(server), { tls: { ca: theirs.certificate } }, /nobody we trust.*nats\.tls\.ca/);
    await refused(byName(server), {}, /nobody we trust.*nats\.tls\.ca/);
    await refused(`tls://localhost:${server.port}`, {}, /nobody we trust.*nats\.tls\.ca/);
  });

  it("takes a certificate for the URL's host or the name that is set, not one for localhost", async (t) => {
    const authority = new CertificateAuthority(t);
    const tls = { ca: authority.certificate };
    const start = (file: string, names: string) =>
      startTls(t, tlsBlock(authority.issue(file, names)), trusting(authority.certificate));
    const [local, address, other] = await Promise.all([
      start('local', 'DNS:localhost'),
      start('address', 'IP:127.0.0.1'),
      start('other', 'DNS:nats.example'),
    ]);
    await refused(byAddress(local), { tls }, /for another name.*nats\.tls\.serverName/);
    await link(t, byAddress(address), { tls });
    await refused(byName(other), { tls }, /for another name/);
    await link(t, byName(other), { tls: { ...tls, serverName: 'nats.example' } });
    await link(t, byAddress(other), { tls: { ...tls, serverName: 'nats.example' } });
    await refused(byName(local), { tls: { ...tls, serverName: 'nats.example' } }, /for another name/);
  });

  it('does not talk to a server without TLS when TLS is asked for', async (t) => {
    const authority = new CertificateAuthority(t);
    const server = await startTestNats({ t, user: 'u', password: 'hush' });
    const url = `nats://u:hush@localhost:${server.port}`;
    await refused(url, { tls: { ca: authority.certificate } }, /offers no TLS/);
    await refused(`tls://u:hush@localhost:${server.port}`, {}, /offers no TLS/);
  });

  it('refuses a certificate that has expired', async (t) => {
    const authority = new CertificateAuthority(t);
    const old = authority.issue('old', 'DNS:localhost', -1);
    const server = await startTls(t, tlsBlock(old), {
      ...trusting(authority.certificate),
      rejectUnauthorized: false,
    } as never);
    await refused(byName(server), { tls: { ca: authority.certificate } }, /not valid now/);
  });

  it('shows its own certificate to a server that wants one, and takes a renewed one from the disk', async (t) => {
    const authority = new CertificateAuthority(t);
    const stranger = new CertificateAuthority(t, 'a stranger');
    const own = authority.issue('headwater', 'DNS:headwater');
    const as = { ...trusting(authority.certificate), certFile: own.certificate, keyFile: own.key };
    const config = tlsBlock(authority.issue('server', 'DNS:localhost'), authority.certificate);
    const server = await startTls(t, config, as);
    const directory = folder(t);
    const files = { certificate: join(directory, 'tls.crt'), key: join(directory, 'tls.key') };
    const install = (from: Certificate) => {
      copyFileSync(from.certificate, files.certificate);
      copyFileSync(from.key, files.key);
      chmodSync(files.key, 0o600);
    };
    const ca = authority.certificate;
    const outcome = await connectNats({
      url: byName(server),
      security: { tls: { ca } },
      name: 'test',
      log: () => {},
    }).then(
      () => 'connected',
      (error: Error) => error.message,
    );
    assert.match(outcome, /NATS at localhost:\d+ (refuses our certificate|.*nats\.tls\.certificate)/);
    install(stranger.issue('stranger', 'DNS:headwater'));
    await assert.rejects(
      connectNats({ url: byName(server), security: { tls: { ca, ...files } }, name: 'test', log: () => {} }),
    );
    install(own);
    const made = await link(t, byName(server), { tls: { ca, ...files } });
    // The authority changes: neither the old certificate nor the old ca is any good after it.
    const next = new CertificateAuthority(t, 'the next authority');
    copyFileSync(next.certificate, authority.certificate);
    const renewed = next.issue('renewed', 'DNS:headwater');
    install(renewed);
    // As while a Secret is being replaced: the key is gone, then it is half there.
    rmSync(files.key);
    await server.terminate();
    await until('the loss', () => !made.connected);
    await server.reconfigure({
      config: tlsBlock(next.issue('server', 'DNS:localhost'), next.certificate),
      as: { tls: { ...trusting(next.certificate), certFile: renewed.certificate, keyFile: renewed.key } as never },
    });
    await delay(700);
    writeFileSync(files.key, '-----BEGIN PRIVATE KEY-----\nhalf', { mode: 0o600 });
    await delay(700);
    assert.ok(!made.connected && !made.connection.isClosed());
    install(renewed);
    await until('the link comes back with the renewed files', () => made.connected);
    await made.connection.flush();
  });
});

describe('who we are to NATS', { skip }, () => {
  it('signs with an NKey, and with the one that replaced it', async (t) => {
    const [first, second] = [nkeyUser(), nkeyUser()];
    const path = secret(folder(t), 'headwater.nk', `# the service\n${first.seed}\n`);
    const config = (key: string) => `authorization { users: [ { nkey: ${key} } ] }`;
    const authenticator = (seed: string) => ({ as: { authenticator: nkeyAuthenticator(Buffer.from(seed)) } });
    const server = await startTestNats({ t, config: config(first.publicKey), ...authenticator(first.seed) });
    const told = teller();
    const made = await link(t, byName(server), { nkey: path }, told);
    await refused(byName(server), {}, /refuses our credentials.*nats\.nkey/);
    const other = secret(folder(t), 'x', second.seed);
    await refused(byName(server), { nkey: other }, /refuses our credentials/, second.seed);
    // Renewed while half of the file is written: what was good is kept until the rest is there.
    writeFileSync(path, second.seed.slice(0, 20));
    await server.terminate();
    await until('the loss', () => !made.connected);
    await server.reconfigure({ config: config(second.publicKey), ...authenticator(second.seed) });
    await until('the old seed is tried', () => told.lines.some((line) => line.includes('what it held before is used')));
    assert.ok(!made.connected);
    writeFileSync(path, second.seed);
    await until('the link comes back', () => made.connected);
    for (const line of told.lines) {
      assert.ok(
        !line.includes(first.seed) && !line.includes(second.seed) && !line.includes(second.seed.slice(0, 20)),
        line,
      );
    }
  });

  it('takes user and password, or a token, from files', async (t) => {
    const directory = folder(t);
    const users = await startTestNats({ t, user: 'ann', password: 'p@ss: word' });
    const passwordFile = secret(directory, 'password', 'p@ss: word\n');
    await link(t, byName(users), { user: 'ann', passwordFile });
    await refused(byName(users), { user: 'bob', passwordFile }, /refuses our credentials/, 'p@ss');
    const tokens = await startTestNats({ t, token: 'to-ken' });
    await link(t, byName(tokens), { tokenFile: secret(directory, 'token', 'to-ken') });
  });

  it('ends the start when a file can not be used, and names its key', async (t) => {
    const missing = join(folder(t), 'missing.nk');
    const start = startTestLearning(t, 'nats://127.0.0.1:1', { security: { nkey: missing } });
    await assert.rejects(start, {
      code: 'nats_setup',
      message: /^nats\.nkey: ".*missing\.nk" can't be read \(ENOENT\)/,
    });
  });

  it('teaches a head as a user with a JWT, over TLS', async (t) => {
    const world = jwtWorld();
    const directory = folder(t);
    const path = secret(directory, 'headwater.creds', world.credentials());
    const authority = new CertificateAuthority(t);
    const config = `${tlsBlock(authority.issue('server', 'DNS:localhost'))}\n${world.config}`;
    const { fileAuthenticator } = await import('../../src/learner/nats/connection/authenticator.js');
    const authenticator = fileAuthenticator({ credentials: path }, String, () => {})!;
    const tls = trusting(authority.certificate);
    const server = await startTestNats({ t, config, as: { tls, authenticator } });
    const security = { tls: { ca: authority.certificate }, credentials: path };
    const system = await startTestLearning(t, byName(server), { security });
    const sender = await NatsSender.connect({ address: byName(server), security, warn: assert.fail }, 'pets', {
      patienceMs: 60_000,
      firstDelayMs: 20,
      maxDelayMs: 200,
    });
    t.after(() => sender.close());
    await system.learning.publishLabels('pets', [{ id: '', label: 'cat', embedding: [1, 2, 3, 4] }]);
    await system.trained(1);
    await assert.rejects(
      NatsSender.connect({ address: byName(server), security: { tls: security.tls }, warn: () => {} }, 'pets', {
        patienceMs: 100,
        firstDelayMs: 20,
        maxDelayMs: 200,
      }),
      /refuses our credentials; .*--nats-credentials/,
    );
  });
});
