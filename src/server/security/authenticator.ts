// Whose call it is: from its Authorization header, or from the certificate of its connection.
import type { PeerCertificate } from 'node:tls';
import { printable, StatusError } from '../errors.js';
import { anyone, type Caller, nobody } from './caller.js';
import { callerOf, type Grant } from './grant.js';
import { identitiesOf, readIdentity } from './peer-certificate.js';
import type { TokenTable } from './token-table.js';

/** What came with a call or an HTTP request. */
export interface Presented {
  /** Values of the Authorization header. */
  readonly authorization: readonly unknown[];
  /** The client's certificate, if the TLS layer has verified it. Asked for when it matters only: reading it costs. */
  readonly certificate: () => PeerCertificate | undefined;
  /** Without its port: the connections of one client are one client. */
  readonly address: string;
}

export interface CertificateEntry extends Grant {
  readonly subject: string;
}

export interface AuthenticatorOptions {
  readonly tokens: TokenTable;
  /** Whether tokens are configured, if there are any at the moment or not. */
  readonly tokensAsked: boolean;
  readonly certificates: readonly CertificateEntry[];
  readonly clientAuth: 'none' | 'request' | 'require';
}

export type FailureReason = 'no_credentials' | 'bad_header' | 'unknown_token' | 'unknown_certificate';

/** Not who it says, or nobody. */
export class Unauthenticated extends StatusError {
  constructor(
    readonly reason: FailureReason,
    message: string,
  ) {
    super('unauthenticated', message);
  }
}

export class Authenticator {
  /** Whether a call needs credentials at all. */
  readonly required: boolean;
  private readonly byIdentity: ReadonlyMap<string, CertificateEntry>;

  constructor(private readonly options: AuthenticatorOptions) {
    const { tokensAsked, certificates, clientAuth } = options;
    this.required = tokensAsked || certificates.length > 0 || clientAuth === 'require';
    this.byIdentity = new Map(certificates.map((entry) => [readIdentity(entry.subject), entry]));
  }

  /**
   * A token goes before a certificate: one that is wrong is refused, whatever the certificate says.
   * @throws Unauthenticated
   */
  identify({ authorization, certificate, address }: Presented): Caller {
    if (!this.required)
      return this.options.clientAuth === 'none' ? anyone(address) : anyone(nameOf(certificate(), address));
    if (authorization.length > 0 && this.options.tokensAsked) return this.byToken(authorization);
    const caller = this.options.clientAuth === 'none' ? undefined : this.byCertificate(certificate(), address);
    if (caller !== undefined) return caller;
    const how = this.options.tokensAsked
      ? '`authorization: Bearer TOKEN`'
      : 'a client certificate that the server knows';
    throw new Unauthenticated('no_credentials', `this call has no credentials; expected ${how}`);
  }

  private byToken(authorization: readonly unknown[]): Caller {
    const [header] = authorization;
    const match = typeof header === 'string' && header.length <= 256 ? /^Bearer +(\S+)$/i.exec(header) : null;
    if (authorization.length > 1 || match === null) {
      throw new Unauthenticated('bad_header', 'authorization: expected one value, `Bearer TOKEN`');
    }
    const found = this.options.tokens.find(match[1] as string);
    if (found === undefined) throw new Unauthenticated('unknown_token', 'the token of this call is unknown or revoked');
    return callerOf(found.name, found.current);
  }

  private byCertificate(certificate: PeerCertificate | undefined, address: string): Caller | undefined {
    if (certificate === undefined) return undefined;
    for (const identity of identitiesOf(certificate)) {
      const entry = this.byIdentity.get(identity);
      if (entry !== undefined) return callerOf(entry.name, () => entry);
    }
    const { tokensAsked, certificates } = this.options;
    if (certificates.length > 0 && !tokensAsked) {
      throw new Unauthenticated(
        'unknown_certificate',
        'the client certificate is not one that security.certificates lists',
      );
    }
    // Nothing else is configured: whoever the authorities vouch for may do everything.
    return certificates.length === 0 && !tokensAsked ? anyone(nameOf(certificate, address)) : undefined;
  }
}

/** A caller for what is open to everyone. */
export function unidentified(address: string): Caller {
  return nobody(address);
}

function nameOf(certificate: PeerCertificate | undefined, address: string): string {
  const [identity] = certificate === undefined ? [] : identitiesOf(certificate);
  return identity === undefined ? address : printable(identity).slice(0, 200);
}
