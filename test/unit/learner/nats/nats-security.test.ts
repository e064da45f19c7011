import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type NatsSecurity, secureOptions } from '../../../../src/learner/nats/connection/nats-security.js';
import { parseNatsUrls } from '../../../../src/learner/nats/connection/nats-url.js';
import { identityCheck } from '../../../../src/learner/nats/connection/tls.js';
import { LearnerError } from '../../../../src/learner/types.js';
import { CertificateAuthority, opensslMissing } from '../../../support/certificates.js';
import { accountSeed, jwtWorld, nkeyUser } from '../../../support/nats-jwt.js';

const HUSH = 'hush-hush';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'headwater-secrets-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** What the security of a connection says when it can't be used. */
function problem(security: NatsSecurity, url = 'nats://nats.example'): string {
  try {
    secureOptions(parseNatsUrls(url), security, () => {});
  } catch (error) {
    assert.ok(error instanceof LearnerError, String(error));
    assert.equal(error.code, 'nats_setup');
    return error.message;
  }
  return 'nothing is wrong';
}

describe('the files of nats.*', () => {
  it('are looked at before anything is connected, and what is wrong names the key', (t) => {
    const directory = folder(t);
    const file = (name: string, text: string, mode = 0o600) => {
      writeFileSync(join(directory, name), text, { mode });
      return join(directory, name);
    };
    mkdirSync(join(directory, 'folder'));
    const user = nkeyUser();
    const world = jwtWorld();
    const [jwtOfOne, seedOfOther] = [world.credentials(), world.credentials()].map((text) => text.split('\n\n'));
    const mixed = `${jwtOfOne![0]}\n\n${seedOfOther![1]}`;
    const damaged = `${user.seed.slice(0, 30)}${user.seed[30] === 'A' ? 'B' : 'A'}${user.seed.slice(31)}`;
    const table: [NatsSecurity, RegExp][] = [
      [{ nkey: join(directory, 'none') }, /^nats\.nkey: ".*none" can't be read \(ENOENT\)/],
      [{ nkey: join(directory, 'folder') }, /^nats\.nkey: ".*folder" is no file/],
      [{ nkey: file('empty', '\n \n') }, /^nats\.nkey: ".*empty" is empty/],
      [{ nkey: file('large', 'x'.repeat(2 ** 20 + 1)) }, /^nats\.nkey: .*is the most/],
      [{ nkey: file('word', HUSH) }, /^nats\.nkey: expected one line with a user's NKey seed/],
      [{ nkey: file('account', accountSeed()) }, /^nats\.nkey: its NKey seed is not a user's \(SU…\), but of kind SA/],
      [{ nkey: file('damaged', damaged) }, /^nats\.nkey: its NKey seed is damaged/],
      [{ nkey: file('two', `${user.seed}\n${nkeyUser().seed}`) }, /^nats\.nkey: expected one line/],
      [{ credentials: file('c1', `${HUSH}\n`) }, /^nats\.credentials: expected a \.creds file/],
      [{ credentials: file('c2', mixed) }, /^nats\.credentials: its seed is not that of its JWT's user/],
      [{ credentials: file('c3', world.credentials(-60)) }, /^nats\.credentials: its JWT expired at 20/],
      [{ user: 'ann', passwordFile: file('p1', `${HUSH}\n${HUSH}\n`) }, /^nats\.passwordFile: expected one line/],
      [{ tokenFile: file('t1', `${HUSH}\u0000`) }, /^nats\.tokenFile: expected one line/],
      [{ user: 'ann' }, /^nats\.user needs nats\.passwordFile/],
      [{ passwordFile: 'x' }, /^nats\.passwordFile needs nats\.user/],
      [{ nkey: 'x', credentials: 'y' }, /^nats\.credentials and nats\.nkey are both set/],
      [{ tls: { certificate: 'x' } }, /^nats\.tls\.certificate needs nats\.tls\.key/],
      [{ tls: { key: 'x' } }, /^nats\.tls\.key needs nats\.tls\.certificate/],
      [{ tls: { ca: file('ca', HUSH) } }, /^nats\.tls\.ca: ".*ca" has no certificate in PEM/],
    ];
    for (const [security, expected] of table) {
      const told = problem(security);
      assert.match(told, expected);
      for (const secret of [HUSH, user.seed, damaged, user.seed.slice(0, 20)]) assert.ok(!told.includes(secret), told);
    }
    const both = problem({ nkey: file('good', user.seed) }, `nats://u:${HUSH}@nats.example`);
    assert.match(both, /^the credentials in nats\.url and nats\.nkey are both set/);
    assert.ok(!both.includes(HUSH));
  });

  it('may be written in the ways that people and tools write them', (t) => {
    const directory = folder(t);
    const file = (name: string, text: string) => {
      writeFileSync(join(directory, name), text, { mode: 0o600 });
      return join(directory, name);
    };
    const { seed, publicKey } = nkeyUser();
    const made = (security: NatsSecurity) =>
      secureOptions(parseNatsUrls('nats://nats.example'), security, assert.fail).authenticator;
    const sign = (security: NatsSecurity) =>
      (made(security) as (nonce: string) => { nkey?: string; jwt?: string })('n');
    for (const text of [seed, `${seed}\n`, `# mine\r\n  ${seed} \r\n${publicKey}\r\n`]) {
      assert.equal(sign({ nkey: file('seed', text) }).nkey, publicKey);
    }
    const credentials = jwtWorld().credentials();
    for (const text of [
      credentials,
      credentials.replaceAll('\n', '\r\n'),
      `notes first\n\n${credentials}\n*** note ***\n`,
    ]) {
      const { jwt, nkey } = sign({ credentials: file('creds', text) });
      assert.ok(nkey?.startsWith('U') && jwt?.split('.').length === 3);
    }
  });

  it('that every user can read are told of', (t) => {
    const path = join(folder(t), 'seed');
    const lines: string[] = [];
    for (const mode of [0o600, 0o640, 0o644]) {
      rmSync(path, { force: true });
      writeFileSync(path, nkeyUser().seed, { mode });
      secureOptions(parseNatsUrls('nats://nats.example'), { nkey: path }, (_, line) => lines.push(line));
    }
    assert.equal(lines.length, process.umask() & 0o004 ? 0 : 1);
    assert.ok(lines.every((line) => /nats\.nkey: every user of this machine can read/.test(line)));
  });

  it('certificates: each is told apart from the others', { skip: opensslMissing() }, (t) => {
    const authority = new CertificateAuthority(t);
    const [one, other] = [authority.issue('one', 'DNS:one'), authority.issue('other', 'DNS:other')];
    const damaged = join(folder(t), 'damaged.pem');
    writeFileSync(damaged, '-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n');
    assert.match(problem({ tls: { ca: damaged } }), /^nats\.tls\.ca: .*is damaged/);
    assert.match(
      problem({ tls: { certificate: one.certificate, key: other.key } }),
      /^nats\.tls\.key: .* is not the key of nats\.tls\.certificate/,
    );
    assert.match(problem({ tls: { certificate: one.key, key: one.key } }), /^nats\.tls\.certificate: .*no certificate/);
    assert.match(
      problem({ tls: { certificate: one.certificate, key: one.certificate } }),
      /^nats\.tls\.key: .*no private key/,
    );
    assert.equal(problem({ tls: { ca: authority.certificate, ...one } }), 'nothing is wrong');
    const lines: string[] = [];
    const old = authority.issue('old', 'DNS:old', -1);
    secureOptions(parseNatsUrls('nats://nats.example'), { tls: old }, (_, line) => lines.push(line));
    assert.match(lines.join(), /nats\.tls\.certificate: a certificate in .* expired/);
  });
});

it('a password that would go over the network in clear text is told of', () => {
  const warnings = (url: string) => {
    const lines: string[] = [];
    secureOptions(parseNatsUrls(url), {}, (_, line) => lines.push(line));
    return lines.join();
  };
  assert.match(warnings(`nats://u:${HUSH}@nats.example`), /unencrypted/);
  assert.doesNotMatch(warnings(`nats://u:${HUSH}@nats.example`), new RegExp(HUSH));
  for (const url of [`tls://u:${HUSH}@nats.example`, `nats://u:${HUSH}@127.0.0.1`, 'nats://nats.example']) {
    assert.equal(warnings(url), '');
  }
});

it('a certificate is taken for the host that was meant only', () => {
  const certificate = (names: string) => ({ subject: { CN: 'x' }, subjectaltname: names }) as never;
  const local = certificate('DNS:localhost');
  const byAddress = identityCheck(undefined, ['10.0.0.5:4222', '[::1]:4222']);
  assert.ok(byAddress('localhost', local) instanceof Error, 'Node.js asks for localhost when it knows no name');
  assert.equal(byAddress('localhost', certificate('IP Address:10.0.0.5')), undefined);
  assert.ok(byAddress('localhost', certificate('IP Address:10.0.0.6')) instanceof Error);
  assert.equal(identityCheck(undefined, ['localhost:4222'])('localhost', local), undefined);
  const named = identityCheck('nats.example', ['10.0.0.5:4222']);
  assert.ok(named('localhost', local) instanceof Error);
  assert.equal(named('localhost', certificate('DNS:nats.example')), undefined);
});
