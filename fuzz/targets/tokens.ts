// A tokens file and the Authorization headers of a gRPC call and of an HTTP request, through what reads them in the server.
import type { IncomingMessage } from 'node:http';
import { Metadata, type ServerInterceptingCallInterface } from '@grpc/grpc-js';
import { inference } from '../../protos/index.js';
import { parseTokens } from '../../src/server/config/index.js';
import { Authenticator, Unauthenticated } from '../../src/server/security/authenticator.js';
import { FailedAttempts } from '../../src/server/security/failed-attempts.js';
import { httpCallers } from '../../src/server/security/http-guard.js';
import { admitCalls } from '../../src/server/security/interceptor.js';
import { hashToken } from '../../src/server/security/token.js';
import { TokenTable } from '../../src/server/security/token-table.js';
import { mutateBytes } from '../mutate/bytes.js';
import { mutateJson } from '../mutate/json.js';
import type { Random } from '../random.js';
import type { FuzzTarget } from '../target.js';

type Listener = Parameters<ServerInterceptingCallInterface['start']>[0];

interface Input {
  /** The file's text. */
  readonly file: string;
  /** Values of the header. */
  readonly authorization: readonly string[];
}

/** Not random: the same in every run. */
const TOKENS = ['cam', 'lab', 'ops'].map((name, index) => ({
  ...{ name, token: `hw_${`${name}-${index}`.padEnd(43, 'Az09_-')}` },
  hash: hashToken(`hw_${`${name}-${index}`.padEnd(43, 'Az09_-')}`, Buffer.alloc(16, index)),
}));
const ENTRIES = TOKENS.map(({ name, hash }) => ({ name, hash, scopes: ['infer', 'admin'], heads: ['pets', 'cam-*'] }));
const YAML = ENTRIES.map(
  ({ name, hash }) => `- name: ${name}\n  hash: "${hash}"\n  scopes: [infer, label]\n  heads: ['*']\n`,
).join('');
const FILES = [YAML, JSON.stringify(ENTRIES), `# none yet\n`, `- { name: cam, hash: ${TOKENS[0]!.token} }\n`];
const HEADERS = TOKENS.map(({ token }) => `Bearer ${token}`);

export const tokens: FuzzTarget = {
  name: 'tokens',
  seeds: async () =>
    FILES.map((file, index) => encode({ file, authorization: [HEADERS[index % HEADERS.length] ?? ''] })),
  mutate(random, seeds) {
    const { file, authorization } = decode(random.pick(seeds));
    return encode({
      file: random.chance(0.6) ? changedFile(random, file) : file,
      authorization: random.chance(0.8) ? changedHeaders(random, authorization) : authorization,
    });
  },
  open: async () => ({
    run(input) {
      const { file, authorization } = decode(input);
      const table = new TokenTable();
      const entries = readFile(file);
      table.replace(entries);
      if (table.size !== entries.length) throw new Error(`${entries.length} entries, but ${table.size} tokens`);
      const authenticator = new Authenticator({
        tokens: table,
        tokensAsked: true,
        certificates: [],
        clientAuth: 'none',
      });
      const hashes = new Set(entries.map(({ hash }) => hash));
      const known = TOKENS.filter(({ hash }) => hashes.has(hash)).map(({ token }) => token);
      // RFC 9110, 11.1: the scheme in any case.
      const good = known.some(
        (token) => /^bearer +/i.test(authorization[0] ?? '') && authorization[0]!.endsWith(` ${token}`),
      );
      for (const [by, letIn, expected] of [
        ['gRPC', overGrpc(authenticator, authorization), authorization.length === 1 && good],
        ['HTTP', overHttp(authenticator, authorization[0]), good],
      ] as const) {
        if (letIn && !expected) throw new Error(`${by}: let in without a token of the file`);
      }
    },
    close: async () => {},
  }),
};

/** What is no tokens file is told without any of its contents that matter. */
function readFile(file: string): ReturnType<typeof parseTokens> {
  try {
    return parseTokens(file, '/etc/headwater/tokens.yaml');
  } catch (error) {
    const told = (error as Error).message;
    for (const { token, hash } of TOKENS) {
      if (told.includes(token.slice(-20)) || told.includes(hash.slice(-20)))
        throw new Error(`it tells secrets: ${told.slice(0, 500)}`);
    }
    throw error;
  }
}

/** Whether a call is let in. */
function overGrpc(authenticator: Authenticator, authorization: readonly string[]): boolean {
  const metadata = new Metadata();
  for (const value of authorization) {
    // Others never get through HTTP/2.
    if (/^[ -~]*$/.test(value)) metadata.add('authorization', value);
    else return false;
  }
  let listener: Listener | undefined;
  let refused = false;
  const call = {
    getPeer: () => '192.0.2.1:50000',
    getAuthContext: () => ({}),
    start: (given: Listener) => {
      listener = given;
    },
    sendStatus: () => {
      refused = true;
    },
  };
  const admit = admitCalls({ authenticator, health: 'credentials', failures: new FailedAttempts(() => {}) });
  const { ModelInfer } = inference.GRPCInferenceService.service;
  admit(ModelInfer, call as unknown as ServerInterceptingCallInterface).start({
    ...{ onReceiveMetadata: () => {}, onReceiveMessage: () => {}, onReceiveHalfClose: () => {}, onCancel: () => {} },
  });
  listener?.onReceiveMetadata(metadata);
  return !refused;
}

function overHttp(authenticator: Authenticator, authorization: string | undefined): boolean {
  const callers = httpCallers({ authenticator, failures: new FailedAttempts(() => {}) });
  const request = { headers: { authorization }, socket: { remoteAddress: '192.0.2.1' } };
  try {
    callers(request as unknown as IncomingMessage);
    return true;
  } catch (error) {
    if (error instanceof Unauthenticated) return false;
    throw error;
  }
}

function changedFile(random: Random, file: string): string {
  if (random.chance(0.5)) return mutateJson(random, JSON.stringify(ENTRIES));
  return Buffer.from(
    mutateBytes(
      random,
      Buffer.from(file),
      FILES.map((one) => Buffer.from(one)),
    ),
  ).toString();
}

function changedHeaders(random: Random, values: readonly string[]): string[] {
  const changed = values.map((value) =>
    random.chance(0.8)
      ? Buffer.from(
          mutateBytes(
            random,
            Buffer.from(value, 'latin1'),
            HEADERS.map((one) => Buffer.from(one)),
          ),
        ).toString('latin1')
      : value,
  );
  if (random.chance(0.2)) changed.splice(random.int(changed.length + 1), 0, random.pick(HEADERS));
  if (random.chance(0.1)) changed.pop();
  return changed;
}

const encode = (input: Input): Buffer => Buffer.from(JSON.stringify(input));
const decode = (bytes: Uint8Array): Input => JSON.parse(Buffer.from(bytes).toString()) as Input;
