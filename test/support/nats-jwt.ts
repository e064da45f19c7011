import { createHash } from 'node:crypto';
import { nkeys } from 'nats';

// Operator, account and user as nsc makes them: JWTs signed with ed25519 (NATS ADR-14 and nats-io/jwt v2).

interface KeyPair {
  getPublicKey(): string;
  getSeed(): Uint8Array;
  sign(bytes: Uint8Array): Uint8Array;
}

const { createOperator, createAccount, createUser } = nkeys as Record<
  'createOperator' | 'createAccount' | 'createUser',
  () => KeyPair
>;

export interface JwtWorld {
  /** Lines of nats-server's configuration: the operator, and the account in memory. */
  readonly config: string;
  /** What a .creds file holds for a new user of the account. */
  credentials(expiresInSeconds?: number): string;
}

/** An operator with one account that has JetStream. */
export function jwtWorld(): JwtWorld {
  const operator = createOperator();
  const account = createAccount();
  const system = createAccount();
  const limits = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
  const storage = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };
  const operatorJwt = encode(operator, operator, 'operator', {});
  const systemJwt = encode(operator, system, 'account', { limits });
  const accountJwt = encode(operator, account, 'account', { limits: { ...limits, ...storage } });
  return {
    config: [
      `operator: ${operatorJwt}`,
      `system_account: ${system.getPublicKey()}`,
      'resolver: MEMORY',
      `resolver_preload: { ${account.getPublicKey()}: ${accountJwt}, ${system.getPublicKey()}: ${systemJwt} }`,
    ].join('\n'),
    credentials: (expiresInSeconds) => {
      const user = createUser();
      const claims = { pub: {}, sub: {}, subs: -1, data: -1, payload: -1 };
      const expires = expiresInSeconds === undefined ? undefined : Math.floor(Date.now() / 1000) + expiresInSeconds;
      const jwt = encode(account, user, 'user', claims, expires);
      const seed = Buffer.from(user.getSeed()).toString();
      return `-----BEGIN NATS USER JWT-----\n${jwt}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`;
    },
  };
}

/** An NKey user: its seed's file and its public key. */
export function nkeyUser(): { readonly seed: string; readonly publicKey: string } {
  const user = createUser();
  return { seed: Buffer.from(user.getSeed()).toString(), publicKey: user.getPublicKey() };
}

/** An account's seed, which is none of a user. */
export function accountSeed(): string {
  return Buffer.from(createAccount().getSeed()).toString();
}

function encode(issuer: KeyPair, subject: KeyPair, type: string, nats: object, exp?: number): string {
  const claims = {
    iat: Math.floor(Date.now() / 1000),
    ...(exp === undefined ? {} : { exp }),
    iss: issuer.getPublicKey(),
    sub: subject.getPublicKey(),
    name: type,
    nats: { ...nats, type, version: 2 },
  };
  const jti = createHash('sha256').update(JSON.stringify(claims)).digest('hex');
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const body = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part({ ...claims, jti })}`;
  return `${body}.${Buffer.from(issuer.sign(Buffer.from(body))).toString('base64url')}`;
}
