import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

// Certificates for tests, made by openssl on the spot.

/** For `{ skip: opensslMissing() }`: false when there is openssl, else the reason. */
export function opensslMissing(): string | false {
  try {
    execFileSync('openssl', ['version'], { stdio: 'pipe' });
    return false;
  } catch {
    return 'no openssl found (PATH)';
  }
}

export interface Certificate {
  /** Paths of PEM files. */
  readonly certificate: string;
  readonly key: string;
}

/** A certificate authority in a folder that goes with the test. */
export class CertificateAuthority {
  readonly #folder: string;
  readonly #key: string;
  /** PEM of its own certificate. */
  readonly certificate: string;

  constructor(t: Pick<TestContext, 'after'>, name = 'test authority') {
    this.#folder = mkdtempSync(join(tmpdir(), 'headwater-ca-'));
    t.after(() => rmSync(this.#folder, { recursive: true, force: true }));
    this.certificate = join(this.#folder, 'ca.pem');
    this.#key = join(this.#folder, 'ca.key');
    run('req', '-x509', ...newKey(this.#key), '-out', this.certificate, '-days', '10', '-subj', `/CN=${name}`);
  }

  /** @param names `DNS:localhost` or `IP:127.0.0.1`, with commas. */
  issue(file: string, names: string, days = 10): Certificate {
    mkdirSync(this.#folder, { recursive: true });
    const path = (ending: string) => join(this.#folder, `${file}.${ending}`);
    run('req', ...newKey(path('key')), '-out', path('csr'), '-subj', `/CN=${file}`);
    writeFileSync(path('ext'), `subjectAltName=${names}\nextendedKeyUsage=serverAuth,clientAuth\n`);
    const signed = ['-CA', this.certificate, '-CAkey', this.#key, '-CAcreateserial', '-extfile', path('ext')];
    run('x509', '-req', '-in', path('csr'), ...signed, '-days', String(days), '-out', path('pem'));
    return { certificate: path('pem'), key: path('key') };
  }
}

function newKey(path: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', path];
}

function run(...parameters: string[]): void {
  execFileSync('openssl', parameters, { stdio: 'pipe' });
}
