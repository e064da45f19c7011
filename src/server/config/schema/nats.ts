import { z } from 'zod';
import { DEFAULT_STREAM_BYTES, parseNatsUrls, type StreamBytes, securityProblem } from '../../../learner/index.js';
import { bytes, flag, integer, text } from '../fields.js';

const streamLimit = (stream: Exclude<keyof StreamBytes, 'ids'>, what: string) =>
  bytes('1MiB', '1024TiB')
    .prefault(`${DEFAULT_STREAM_BYTES[stream] / 2 ** 20}MiB`)
    .describe(what);

/** What can't be parsed now would be retried for ever once the server runs. Credentials are never part of the message. */
function checkNatsUrls(url: string | readonly string[] | null, context: z.RefinementCtx<unknown>): void {
  if (url === null) return;
  try {
    parseNatsUrls(url, 'the value');
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
  }
}

const file = (what: string) => text('the path of a file').nullable().default(null).describe(what);

const tls = z.strictObject({
  ca: file("PEM of the authorities that sign NATS's certificate; null: those that Node.js trusts"),
  certificate: file('PEM of our own certificate, for a NATS that asks for one'),
  key: file('PEM of the private key of nats.tls.certificate'),
  serverName: text('a host name')
    .nullable()
    .default(null)
    .describe("name that NATS's certificate must carry; null: the host in nats.url"),
  handshakeFirst: flag().default(false).describe('for a NATS that has handshake_first'),
});

const shape = z.strictObject({
  url: z
    .union([z.null(), text('a URL'), z.array(text('a URL')).min(1)], {
      error: 'expected null (a nats-server of its own) or nats://host:4222, or a list of such URLs',
    })
    .superRefine(checkNatsUrls)
    .default(null)
    .describe('null: starts its own nats-server in dataDir; else nats://host:4222 (a list is allowed)'),
  tls: tls
    .prefault({})
    .describe('any of these, or tls:// in nats.url, asks for TLS; the files are read again at every connection'),
  credentials: file("a .creds file: a user's JWT and NKey seed"),
  nkey: file("a file with a user's NKey seed"),
  user: text('a name').nullable().default(null).describe('a user with a password'),
  passwordFile: file('the password of nats.user'),
  tokenFile: file('a token'),
  inboxPrefix: text('a subject')
    .default('_INBOX_headwater')
    .describe("replies come to subjects below it: users of NATS that may not read Headwater's are kept from it"),
  replicas: integer(1, 5).default(1).describe('copies of each stream and bucket; 3 survives loss of power'),
  serverBinary: text('the path or name of nats-server')
    .nullable()
    .default(null)
    .describe('nats-server to start; null: the one on the PATH or in .tools'),
  streams: z
    .strictObject({
      labels: streamLimit('labels', 'labels not yet joined; full: new ones are refused'),
      served: streamLimit('served', 'served records; full: the oldest are dropped'),
      training: streamLimit('training', 'training logs; full: new samples are refused'),
      embed: streamLimit('embed', 'image labels on their way to an embedding; full: new ones are refused'),
      ids: bytes('1MiB', '1024TiB')
        .prefault('256MiB')
        .describe('ids of samples that were removed from training logs, 100 bytes each; full: nothing more is removed'),
      dead: streamLimit('dead', 'dead letters; full: the oldest are dropped'),
    })
    .prefault({})
    .describe('byte limit of each stream'),
});

/** What contradicts itself is told before any file is read; the files are read when the process starts. */
export const nats = shape.superRefine((value, context) => {
  const used = Object.entries({ ...value.tls, ...identityOf(value) }).filter(
    ([, given]) => given !== null && given !== false,
  );
  if (value.url === null) {
    const [first] = used;
    if (first === undefined) return;
    const path = first[0] in value.tls ? ['tls', first[0]] : [first[0]];
    const message = 'is for a NATS of yours: set nats.url, too (the embedded nats-server makes its own password)';
    context.addIssue({ code: 'custom', path, message });
    return;
  }
  const found = securityProblem(value, hasCredentials(value.url));
  if (found !== undefined) {
    context.addIssue({ code: 'custom', path: found.key.split('.'), message: found.problem });
  }
});

function identityOf({ credentials, nkey, user, passwordFile, tokenFile }: z.output<typeof shape>) {
  return { credentials, nkey, user, passwordFile, tokenFile };
}

/** false for a URL that can't be read: that is told elsewhere. */
function hasCredentials(url: string | readonly string[]): boolean {
  try {
    const { user, token } = parseNatsUrls(url);
    return user !== undefined || token !== undefined;
  } catch {
    return false;
  }
}
