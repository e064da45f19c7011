import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { checkServerIdentity, createSecureContext, type PeerCertificate } from 'node:tls';
import type { TlsOptions } from 'nats';
import { LearnerError } from '../../types.js';
import type { Log } from './log.js';
import { readSecretFile } from './secret-file.js';
import type { NatsSecurity, SecurityNames } from './security-options.js';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * TLS in nats.js' words. It reads the files for every connection, so that renewed ones are used by the next.
 * @param servers `host:port` of nats.url
 * @throws LearnerError nats_setup when a file can't be used now; the message names its key.
 */
export function tlsOptions(
  { tls = {} }: NatsSecurity,
  servers: readonly string[],
  names: SecurityNames,
  log: Log,
): TlsOptions {
  checkFiles(tls, names, log);
  const { ca, certificate, key, serverName, handshakeFirst } = tls;
  // nats.js hands these on to tls.connect(), of which its types know the half.
  const options: TlsOptions & {
    servername?: string;
    checkServerIdentity: (host: string, certificate: PeerCertificate) => Error | undefined;
  } = {
    ...(ca ? { caFile: ca } : {}),
    ...(certificate && key ? { certFile: certificate, keyFile: key } : {}),
    ...(handshakeFirst ? { handshakeFirst } : {}),
    ...(serverName && isIP(serverName) === 0 ? { servername: serverName } : {}),
    checkServerIdentity: identityCheck(serverName ?? undefined, servers),
  };
  return options;
}

/**
 * Whether a certificate is that of the server we meant. With an address in the URL nats.js tells no name at all, and Node.js
 * would take any certificate for "localhost" then; so those must carry one of the addresses in the URLs.
 */
export function identityCheck(
  serverName: string | undefined,
  servers: readonly string[],
): (host: string, certificate: PeerCertificate) => Error | undefined {
  const hosts = servers.map((server) => server.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1'));
  return (host, certificate) => {
    if (serverName !== undefined) return checkServerIdentity(serverName, certificate);
    if (host !== 'localhost' || hosts.includes('localhost')) return checkServerIdentity(host, certificate);
    let problem: Error | undefined;
    for (const address of hosts.filter((candidate) => isIP(candidate) !== 0)) {
      problem = checkServerIdentity(address, certificate);
      if (problem === undefined) return undefined;
    }
    return problem ?? checkServerIdentity(hosts[0] ?? '', certificate);
  };
}

/** Each file by itself first: Node.js does not say which of them is wrong. */
function checkFiles({ ca, certificate, key }: NonNullable<NatsSecurity['tls']>, names: SecurityNames, log: Log): void {
  if (ca) readCertificates(ca, names('tls.ca'), log);
  if (!certificate || !key) return;
  const cert = readCertificates(certificate, names('tls.certificate'), log);
  const { text, exposed } = readSecretFile(key, names('tls.key'));
  const wrong = (problem: string, cause?: unknown) =>
    new LearnerError('nats_setup', `${names('tls.key')}: ${JSON.stringify(key)} ${problem}`, { cause });
  if (/ENCRYPTED/.test(text)) throw wrong('has a passphrase, which nobody could type here: give the key without');
  if (exposed)
    log('warn', `${names('tls.key')}: every user of this machine can read ${JSON.stringify(key)}; chmod 600 it`);
  try {
    createSecureContext({ key: text });
  } catch (error) {
    throw wrong(`has no private key in PEM that can be used (${(error as NodeJS.ErrnoException).code})`, error);
  }
  try {
    createSecureContext({ cert, key: text });
  } catch (error) {
    throw wrong(`is not the key of ${names('tls.certificate')} (${(error as NodeJS.ErrnoException).code})`, error);
  }
}

/** @returns the file's text, which holds at least one certificate that can be read. */
function readCertificates(path: string, name: string, log: Log): string {
  const { text } = readSecretFile(path, name);
  const wrong = (problem: string) => new LearnerError('nats_setup', `${name}: ${JSON.stringify(path)} ${problem}`);
  const found = text.match(CERTIFICATE) ?? [];
  if (found.length === 0) throw wrong('has no certificate in PEM (-----BEGIN CERTIFICATE-----)');
  for (const pem of found) {
    let parsed: X509Certificate;
    try {
      parsed = new X509Certificate(pem);
    } catch {
      throw wrong('has a certificate that is damaged');
    }
    if (Date.parse(parsed.validTo) < Date.now()) {
      log(
        'warn',
        `${name}: a certificate in ${JSON.stringify(path)} expired at ${parsed.validTo}; renew it: the file is read again`,
      );
    }
  }
  return text;
}
