// TLS and mutual TLS against a running server, with certificates that openssl makes on the spot.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect, type SecureVersion } from 'node:tls';
import { type ChannelCredentials, credentials, status } from '@grpc/grpc-js';
import { inference } from '../../protos/index.js';
import { parseConfig } from '../../src/server/config/index.js';
import { openSecurity } from '../../src/server/security/security.js';
import { type Certificate, CertificateAuthority, opensslMissing } from '../support/certificates.js';
import { headwater } from '../support/run-headwater.js';
import { temporaryFolder } from '../support/test-learning.js';
import { PETS, startTestServer, type TestServer } from '../support/test-server.js';
import { until } from '../support/until.js';

const skip = opensslMissing();
const LOOPBACK = 'DNS:localhost,IP:127.0.0.1';

const tlsKeys = ({ certificate, key }: Certificate) => [
  `security.tls.certificate=${certificate}`,
  `security.tls.key=${key}`,
  'security.tls.reload=100ms',
];

async function start(t: TestContext, set: readonly string[]): Promise<TestServer> {
  const server = await startTestServer({ set });
  t.after(() => server.close());
  server.learning.heads.teach('pets', PETS);
  return server;
}

function trusting(authority: string, own?: Certificate): ChannelCredentials {
  const read = (path: string | undefined) => (path === undefined ? null : readFileSync(path));
  return credentials.createSsl(read(authority), read(own?.key), read(own?.certificate));
}

/** How a call on a new connection ends: OK, or the status with its details. */
function metadataOf(server: TestServer, channel: ChannelCredentials, model = 'pets'): Promise<string> {
  const options = { 'grpc.use_local_subchannel_pool': 1 };
  const client = new inference.GRPCInferenceService(server.address, channel, options);
  return new Promise((resolve) => {
    client.ModelMetadata({ name: model }, { deadline: Date.now() + 30_000 }, (error) => {
      client.close();
      resolve(error === null ? 'OK' : `${status[error.code]}: ${error.details}`);
    });
  });
}

interface Page {
  readonly status: number;
  readonly body: string;
}

function get(server: TestServer, path: string, ca: string, own?: Certificate): Promise<Page> {
  const identity = own === undefined ? {} : { cert: readFileSync(own.certificate), key: readFileSync(own.key) };
  const { httpPort: port } = server.running;
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: '127.0.0.1', port, path, ca: readFileSync(ca), agent: false, ...identity },
      (response) => {
        let body = '';
        response.on('data', (data) => (body += data));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}

/** The serial number of the certificate that a port shows. */
function serialAt(port: number | undefined, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: port ?? 0, ca: readFileSync(ca), ALPNProtocols: ['h2', 'http/1.1'] };
    const socket = connect(options, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

test('gRPC and HTTP speak TLS from 1.2 on, and nothing else', { skip }, async (t) => {
  const authority = new CertificateAuthority(t);
  const server = await start(t, tlsKeys(authority.issue('server', LOOPBACK)));
  assert.equal(await metadataOf(server, trusting(authority.certificate)), 'OK');
  assert.match(await metadataOf(server, credentials.createInsecure()), /^UNAVAILABLE/);
  const stranger = new CertificateAuthority(t, 'stranger');
  assert.match(await metadataOf(server, trusting(stranger.certificate)), /^UNAVAILABLE: .*certificate/);

  assert.equal((await get(server, '/livez', authority.certificate)).status, 200);
  await assert.rejects(fetch(`http://127.0.0.1:${server.running.httpPort}/livez`));
  const { body } = await get(server, '/metrics', authority.certificate);
  const seconds = Number(/^headwater_certificate_expiry_seconds\{certificate="server"\} (\S+)$/m.exec(body)?.[1]);
  assert.ok(seconds > 9 * 86_400 && seconds <= 10 * 86_400, `${seconds} s`);

  for (const port of [server.running.grpcPort, server.running.httpPort]) {
    const speak = (version: SecureVersion) =>
      new Promise<string | null>((resolve) => {
        const ca = readFileSync(authority.certificate);
        // Level 0 so that the client offers what it would refuse itself.
        const versions = { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' };
        const socket = connect({
          host: '127.0.0.1',
          port: port ?? 0,
          ca,
          ALPNProtocols: ['h2', 'http/1.1'],
          ...versions,
        });
        socket.on('secureConnect', () => {
          resolve(socket.getProtocol());
          socket.destroy();
        });
        socket.on('error', () => resolve(null));
      });
    assert.deepEqual(
      [await speak('TLSv1.1'), await speak('TLSv1.2'), await speak('TLSv1.3')],
      [null, 'TLSv1.2', 'TLSv1.3'],
    );
  }
});

test('mutual TLS: a client needs a certificate that is valid and of the right authority', { skip }, async (t) => {
  const servers = new CertificateAuthority(t, 'servers');
  const clients = new CertificateAuthority(t, 'clients');
  const stranger = new CertificateAuthority(t, 'stranger');
  const server = await start(t, [
    ...tlsKeys(servers.issue('server', LOOPBACK)),
    `security.tls.clientCa=${clients.certificate}`,
    'security.tls.clientAuth=require',
  ]);
  const good = clients.issue('cam-1', 'DNS:cam-1.example');
  const ca = servers.certificate;
  assert.equal(await metadataOf(server, trusting(ca, good)), 'OK');
  for (const [what, own] of [
    ['none', undefined],
    ['expired', clients.issue('old', 'DNS:cam-2.example', -1)],
    ['of a stranger', stranger.issue('cam-1', 'DNS:cam-1.example')],
    ["of the server's authority", servers.issue('cam-1', 'DNS:cam-1.example')],
  ] as const) {
    assert.match(await metadataOf(server, trusting(ca, own)), /^UNAVAILABLE/, what);
    // The kubelet has no certificate.
    assert.equal((await get(server, '/readyz', ca, own)).status, 200, what);
    assert.equal((await get(server, '/', ca, own)).status, 403, what);
    assert.notEqual((await get(server, '/metrics', ca, own)).status, 200, what);
  }
  const { status: fine, body } = await get(server, '/metrics', ca, good);
  assert.equal(fine, 200);
  const refused = Number(/^headwater_refused_credentials_total\{reason="tls_handshake"\} (\d+)$/m.exec(body)?.[1]);
  assert.ok(refused >= 4, `${refused} handshakes were counted`);
});

test('certificates that are listed may what is listed, by any of their names', { skip }, async (t) => {
  const authority = new CertificateAuthority(t);
  const list = [
    { name: 'cameras', subject: 'DNS:cam-1.example', scopes: ['infer'], heads: ['pets'] },
    { name: 'lab', subject: 'lab-pc', scopes: ['infer'], heads: ['lab-*'] },
  ];
  const server = await start(t, [
    ...tlsKeys(authority.issue('server', LOOPBACK)),
    `security.tls.clientCa=${authority.certificate}`,
    'security.tls.clientAuth=request',
    `security.certificates=${JSON.stringify(list)}`,
  ]);
  const as = (own?: Certificate) => metadataOf(server, trusting(authority.certificate, own));
  assert.equal(await as(authority.issue('whatever', 'DNS:cam-1.example')), 'OK');
  assert.match(await as(authority.issue('lab-pc', 'DNS:pc.example')), /^PERMISSION_DENIED: .*`infer` for "pets"/);
  assert.match(await as(authority.issue('cam-1.example', 'DNS:other.example')), /^UNAUTHENTICATED/);
  assert.match(await as(), /^UNAUTHENTICATED/);
});

test('a certificate is renewed under load without a failed request, and a broken one changes nothing', {
  skip,
}, async (t) => {
  const authority = new CertificateAuthority(t);
  const pairs = ['first', 'second', 'third'].map((name) => authority.issue(name, LOOPBACK));
  // As Kubernetes mounts a Secret: the files are links into `..data`, a link to a folder, which is swapped as a whole.
  const folder = temporaryFolder(t);
  const inData = (file: string) => join(folder, '..data', file);
  const swap = (version: string, certificate: Buffer | string, key: Buffer | string) => {
    const fresh = join(folder, `..${version}`);
    mkdirSync(fresh);
    writeFileSync(join(fresh, 'tls.crt'), certificate);
    writeFileSync(join(fresh, 'tls.key'), key);
    symlinkSync(fresh, join(folder, '..data_tmp'));
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
  };
  const mounted = { certificate: join(folder, 'tls.crt'), key: join(folder, 'tls.key') };
  symlinkSync(inData('tls.crt'), mounted.certificate);
  symlinkSync(inData('tls.key'), mounted.key);
  const use = (version: string, pair: Certificate) =>
    swap(version, readFileSync(pair.certificate), readFileSync(pair.key));
  use('v1', pairs[0]!);
  const server = await start(t, tlsKeys(mounted));
  const ports = [server.running.grpcPort, server.running.httpPort];
  const serials = () => Promise.all(ports.map((port) => serialAt(port, authority.certificate)));
  const before = await serials();

  let running = true;
  const outcomes = new Map<string, number>();
  const load = async () => {
    while (running) {
      const outcome = await metadataOf(server, trusting(authority.certificate));
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
  };
  // One connection that stays, and new ones all the time.
  const kept = new inference.GRPCInferenceService(server.address, trusting(authority.certificate));
  t.after(() => kept.close());
  const ask = () =>
    new Promise<unknown>((resolve) => kept.ModelMetadata({ name: 'pets' }, (error) => resolve(error?.details)));
  const loads = [load(), load()];
  let last = before;
  for (const [index, pair] of pairs.slice(1).entries()) {
    use(`v${index + 2}`, pair);
    await until('the new certificate is shown on both ports', async () => {
      assert.equal(await ask(), undefined);
      const now = await serials();
      return now.every((serial, port) => serial !== last[port]);
    });
    last = await serials();
  }
  for (const [what, certificate, key] of [
    ['the key of another', readFileSync(pairs[0]!.certificate), readFileSync(pairs[1]!.key)],
    ['no certificate', 'swordfish', 'swordfish'],
    ['empty files', '', ''],
  ] as const) {
    swap(what.replaceAll(' ', '-'), certificate, key);
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.deepEqual(await serials(), last, what);
  }
  running = false;
  await Promise.all(loads);
  assert.deepEqual([...outcomes.keys()], ['OK'], JSON.stringify([...outcomes]));
});

test('broken, expiring and expired certificates are told', { skip }, async (t) => {
  const authority = new CertificateAuthority(t);
  const lines: string[] = [];
  const open = async (pair: Certificate) => {
    const { security } = parseConfig('', { baseDir: '/', set: tlsKeys(pair) });
    const opened = await openSecurity(security, '127.0.0.1', (level, line) => lines.push(`${level} ${line}`));
    t.after(() => opened.close());
    return opened;
  };
  const [first, second] = [authority.issue('first', LOOPBACK, 100), authority.issue('second', LOOPBACK, 100)];
  const swapped = { certificate: first.certificate, key: second.key };
  await assert.rejects(open(swapped), {
    name: 'StartError',
    message: 'security.tls: the key is not that of the certificate',
  });
  await assert.rejects(open({ ...first, key: '/nowhere/tls.key' }), {
    message: /security\.tls: \/nowhere\/tls\.key: there is no such file/,
  });
  await assert.rejects(open({ certificate: first.key, key: first.key }), {
    message: /the certificate is not a PEM file with a certificate/,
  });
  assert.equal(lines.length, 0);

  await open(authority.issue('old', LOOPBACK, -1));
  assert.match(lines[0] ?? '', /^error security\.tls: the certificate has expired \(/);
  await open(authority.issue('soon', LOOPBACK, 3));
  assert.match(lines[1] ?? '', /^warn security\.tls: the certificate expires at /);
  const { tls } = await open(first);
  assert.equal(lines.length, 2);

  // An expired one does not replace a good one.
  const expired = authority.issue('expired', LOOPBACK, -1);
  const expiry = tls?.expiries.server;
  writeFileSync(first.key, readFileSync(expired.key));
  writeFileSync(first.certificate, readFileSync(expired.certificate));
  await until('it is told', () => lines.some((line) => line.includes('the new certificate has expired')));
  assert.equal(tls?.expiries.server, expiry);
});

test('a certificate of an issuer whose clock is ahead is taken: at once within minutes, else when it is valid', {
  skip,
}, async (t) => {
  const authority = new CertificateAuthority(t);
  const [inUse, ahead, farAhead] = ['first', 'ahead', 'far'].map((name) => authority.issue(name, LOOPBACK));
  const subjects: string[] = [];
  const lines: string[] = [];
  const { security } = parseConfig('', { baseDir: '/', set: tlsKeys(inUse!) });
  const opened = await openSecurity(security, '127.0.0.1', (_, line) => {
    lines.push(line);
    const taken = /use the new certificate \(CN=(\w+),/.exec(line)?.[1];
    if (taken !== undefined) subjects.push(taken);
  });
  t.after(() => opened.close());
  const renew = (pair: Certificate) => {
    writeFileSync(inUse!.key, readFileSync(pair.key));
    writeFileSync(inUse!.certificate, readFileSync(pair.certificate));
  };
  const { now } = Date;
  const clock = (behindMs: number) => t.mock.method(Date, 'now', () => now() - behindMs);

  clock(60_000);
  renew(ahead!);
  await until('a minute is nothing', () => subjects.at(-1) === 'ahead', { state: () => lines });
  clock(3_600_000);
  renew(farAhead!);
  await until('an hour is told', () => lines.some((line) => /valid from .* on only/.test(line)), {
    state: () => lines,
  });
  assert.deepEqual(subjects, ['ahead']);
  // The files stay as they are.
  clock(0);
  await until('it is taken when it is valid', () => subjects.at(-1) === 'far', { state: () => lines });
});

test('the command line: TLS, a certificate and a token from files, and what is wrong in words', { skip }, async (t) => {
  const authority = new CertificateAuthority(t);
  const pair = authority.issue('server', 'DNS:headwater.example');
  const folder = temporaryFolder(t);
  const file = (name: string) => join(folder, name);
  const make = (name: string, head: string) => {
    const files = ['--token-file', file(name), '--append', file('tokens.yaml')];
    return headwater(['token', 'create', '--name', name, '--scope', 'admin', 'infer', '--head', head, ...files]);
  };
  assert.equal((await make('all', '*')).code, 0);
  assert.equal((await make('other', 'flowers')).code, 0);
  const own = authority.issue('client', 'DNS:client.example');
  const server = await start(t, [
    ...tlsKeys(pair),
    `security.tls.clientCa=${authority.certificate}`,
    'security.tls.clientAuth=require',
    `security.tokensFile=${file('tokens.yaml')}`,
  ]);
  const at = ['--server', server.address];
  const trust = ['--ca', authority.certificate, '--server-name', 'headwater.example'];
  const identity = ['--cert', own.certificate, '--key', own.key];
  const token = (name: string) => ['--token-file', file(name)];
  const list = (...more: string[]) => headwater(['heads', 'list', '--json', ...at, ...more]);

  const good = await list(...trust, ...identity, ...token('all'));
  assert.deepEqual([good.code, good.err], [0, '']);
  assert.match(good.out, /"name":"pets"/);
  const other = await list(...trust, ...identity, ...token('other'));
  assert.equal(other.code, 0);
  assert.doesNotMatch(other.out, /pets/);
  for (const [more, expected] of [
    [[...trust, ...identity], /UNAUTHENTICATED: this call has no credentials/],
    [[...trust, ...token('all')], /^headwater: /],
    [['--ca', authority.certificate, ...identity, ...token('all')], /no secure connection .*altnames.*--server-name/],
    [['--tls', '--server-name', 'headwater.example', ...identity], /no secure connection .*certificate.*--ca/],
    [[...trust, ...identity, '--token-file', pair.key], /expected one token/],
    [['--ca', '/nowhere/ca.crt'], /--ca \/nowhere\/ca\.crt: can't be read: ENOENT/],
  ] as const) {
    const { code: ended, err } = await list(...more);
    assert.equal(ended, 1, err);
    assert.match(err, expected);
  }
  const abroad = await headwater(['heads', 'list', '--server', '192.0.2.1:8001', ...token('all')]);
  assert.equal(abroad.code, 2);
  assert.match(abroad.err, /the token would cross the network to 192\.0\.2\.1:8001 unencrypted; add --tls/);
});
