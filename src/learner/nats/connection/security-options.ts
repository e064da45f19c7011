/** `nats.*`: how we prove who we are, and know that it is our NATS. Paths of files; what they hold is never shown. */
export interface NatsSecurity {
  readonly tls?: NatsTls | undefined;
  /** A `.creds` file (`nsc generate creds`): a user's JWT and seed. */
  readonly credentials?: string | null | undefined;
  /** A file with a user's NKey seed (`nk -gen user`). */
  readonly nkey?: string | null | undefined;
  readonly user?: string | null | undefined;
  readonly passwordFile?: string | null | undefined;
  readonly tokenFile?: string | null | undefined;
  /** Replies come to subjects below this, so that permissions can keep other users from reading them; default: _INBOX. */
  readonly inboxPrefix?: string | undefined;
}

/** Any of it asks for TLS, as a URL that begins with tls:// does. */
export interface NatsTls {
  /** PEM with the authorities that may sign the server's certificate; null: those that Node.js trusts. */
  readonly ca?: string | null | undefined;
  /** Our own certificate and its key (PEM), for servers that ask for one (`verify: true`). */
  readonly certificate?: string | null | undefined;
  readonly key?: string | null | undefined;
  /** The name that the server's certificate must carry; null: the host in nats.url. */
  readonly serverName?: string | null | undefined;
  /** TLS before the first byte of NATS, for servers with `handshake_first` (2.10.4 and later). */
  readonly handshakeFirst?: boolean | undefined;
}

/** The settings that messages name. */
export type SecurityKey =
  | 'url'
  | 'tls.ca'
  | 'tls.certificate'
  | 'tls.key'
  | 'tls.serverName'
  | 'credentials'
  | 'nkey'
  | 'user'
  | 'passwordFile'
  | 'tokenFile'
  | 'inboxPrefix';

/** What messages call a setting: a key of the configuration, or an option of a command. */
export type SecurityNames = (key: SecurityKey) => string;

export const configurationNames: SecurityNames = (key) => `nats.${key}`;

/** Whether a server is only talked to over TLS. */
export function wantsTls({ tls }: NatsSecurity): boolean {
  return Boolean(tls && (tls.ca || tls.certificate || tls.key || tls.serverName || tls.handshakeFirst));
}

/** Subject tokens without wildcards. */
export const INBOX_PREFIX = /^[\w-]+(\.[\w-]+)*$/;

/** The ways to prove who we are that are set, by their keys. */
export function identitiesOf(security: NatsSecurity): SecurityKey[] {
  const found: SecurityKey[] = [];
  if (security.credentials) found.push('credentials');
  if (security.nkey) found.push('nkey');
  if (security.user || security.passwordFile) found.push('user');
  if (security.tokenFile) found.push('tokenFile');
  return found;
}

/**
 * What is wrong with a combination of settings, whatever their files hold; undefined: nothing.
 * @param urlHasCredentials whether user, password or token stand in the URL
 */
export function securityProblem(
  security: NatsSecurity,
  urlHasCredentials: boolean,
  names: SecurityNames = configurationNames,
): { readonly key: SecurityKey; readonly problem: string } | undefined {
  const identities = [...(urlHasCredentials ? (['url'] as const) : []), ...identitiesOf(security)];
  if (identities.length > 1) {
    const [first, ...others] = identities.map((key) =>
      key === 'url' ? `the credentials in ${names(key)}` : names(key),
    );
    return { key: identities.at(-1)!, problem: `${first} and ${others.join(' and ')} are both set: keep one` };
  }
  if (security.user && !security.passwordFile) {
    return { key: 'user', problem: `${names('user')} needs ${names('passwordFile')}, the file with its password` };
  }
  if (security.passwordFile && !security.user) {
    return { key: 'passwordFile', problem: `${names('passwordFile')} needs ${names('user')}, whose password it is` };
  }
  if (security.inboxPrefix !== undefined && !INBOX_PREFIX.test(security.inboxPrefix)) {
    return {
      key: 'inboxPrefix',
      problem: `${names('inboxPrefix')}: expected a subject such as _INBOX_mine (letters, digits, _, - and .)`,
    };
  }
  const { certificate, key } = security.tls ?? {};
  if (certificate && !key) {
    return {
      key: 'tls.certificate',
      problem: `${names('tls.certificate')} needs ${names('tls.key')}, its private key`,
    };
  }
  if (key && !certificate) {
    return { key: 'tls.key', problem: `${names('tls.key')} needs ${names('tls.certificate')}, whose key it is` };
  }
  return undefined;
}
