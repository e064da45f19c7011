import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';

/** Forward secret and authenticated ones only; HTTP/2 forbids the others anyway (RFC 9113, appendix A). */
const CIPHERS = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/** What a server shows of itself, and whom it trusts. */
export interface KeyPair {
  readonly context: SecureContextOptions;
  readonly subject: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** When the first of the clients' authorities expires; undefined without any. */
  readonly clientCaNotAfterMs: number | undefined;
}

/**
 * Checks that a certificate, its key and the clients' authorities (all PEM) can be used together.
 * @throws Error in words, without any of their contents.
 */
export function readKeyPair(certificate: Buffer, key: Buffer, clientCa: Buffer | undefined): KeyPair {
  const [leaf] = certificatesIn(certificate, 'the certificate');
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(key.toString('latin1'))) {
    throw new Error('the key is not a PEM file with a private key');
  }
  const context: SecureContextOptions = {
    cert: certificate,
    key,
    // Never the system's authorities: whoever they vouch for is no client of ours.
    ...(clientCa === undefined ? {} : { ca: clientCa }),
    minVersion: 'TLSv1.2',
    ciphers: CIPHERS,
    honorCipherOrder: true,
  };
  try {
    createSecureContext(context);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH') throw new Error('the key is not that of the certificate');
    throw new Error(`certificate and key can't be used: ${message.split('\n')[0]}`);
  }
  const authorities = clientCa === undefined ? [] : certificatesIn(clientCa, 'clientCa');
  return {
    context,
    subject: (leaf as X509Certificate).subject.replace(/\n/g, ', '),
    notBeforeMs: Date.parse((leaf as X509Certificate).validFrom),
    notAfterMs: Date.parse((leaf as X509Certificate).validTo),
    clientCaNotAfterMs:
      authorities.length === 0 ? undefined : Math.min(...authorities.map(({ validTo }) => Date.parse(validTo))),
  };
}

/** All certificates of a PEM file, at least one. @throws Error */
function certificatesIn(pem: Buffer, what: string): X509Certificate[] {
  const blocks = pem.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new Error(`${what} is not a PEM file with a certificate`);
  return blocks.map((block) => {
    try {
      return new X509Certificate(block);
    } catch {
      throw new Error(`${what} is damaged: it is not a certificate`);
    }
  });
}
