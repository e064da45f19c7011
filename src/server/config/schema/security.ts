// Who may use the service: TLS, tokens, client certificates, and what the HTTP port shows.
import { z } from 'zod';
import { SCOPES } from '../../security/caller.js';
import { INSECURE_CHOICES } from '../../security/exposure.js';
import { HEAD_PATTERN, HEAD_PATTERN_RULE } from '../../security/grant.js';
import { readTokenHash } from '../../security/token.js';
import { choice, duration, list, name, text } from '../fields.js';

const TOKEN_ADVICE = 'make one with `headwater token create --name NAME --scope SCOPE --head HEAD`';

/** Never shown in an error: it may be a token that was put into the wrong place. */
const hash = () =>
  z
    .string({ error: `expected the hash of a token; ${TOKEN_ADVICE}` })
    .refine((value) => readTokenHash(value) !== undefined, {
      error: (issue) =>
        String(issue.input).startsWith('hw_')
          ? 'this is a token, not its hash: whoever reads this file can use it. Make a new one: it is not secret any more; ' +
            `${TOKEN_ADVICE}, and put the line that it prints here`
          : `expected the hash of a token, hw1:...; ${TOKEN_ADVICE}`,
    });

const headPattern = () => {
  const error = `expected ${HEAD_PATTERN_RULE}`;
  return z.string({ error }).regex(HEAD_PATTERN, { error });
};

const grant = {
  name: name('a name of a token or certificate').describe('appears in the log; its requests share one place in queues'),
  scopes: list(choice(SCOPES), `a list of scopes: ${SCOPES.join(', ')}`)
    .min(1, { error: `expected at least one scope: ${SCOPES.join(', ')}` })
    .describe('infer: predictions; label: labels; admin: heads and models; metrics: /metrics'),
  heads: list(headPattern(), "a list of names of heads and backbones, or ['*']")
    .default([])
    .describe("heads and backbones that the scopes are for; `*` stands for any characters: ['*'] for all"),
};

function checkGrant(
  entry: { readonly scopes: readonly string[]; readonly heads: readonly string[] },
  context: z.RefinementCtx<unknown>,
) {
  if (entry.heads.length === 0 && entry.scopes.some((scope) => scope !== 'metrics')) {
    const message = "missing: expected the heads and backbones that the scopes are for; ['*'] is all";
    context.addIssue({ code: 'custom', path: ['heads'], message });
  }
}

export const token = z
  .strictObject({
    ...grant,
    hash: hash().describe('of the token, as `headwater token create` prints it; never a token'),
  })
  .superRefine(checkGrant);

const certificate = z
  .strictObject({
    ...grant,
    subject: text(
      'a common name, or a subject alternative name such as DNS:cam-1.example or URI:spiffe://a/b',
    ).describe(
      'CN:, DNS:, URI:, email: or IP: and the whole name, as the certificate has it; CN: when there is no colon',
    ),
  })
  .superRefine(checkGrant);

/** Entries that could be taken for each other, as issues. */
export function checkTokens(
  tokens: readonly { name: string; hash: string }[],
  context: z.RefinementCtx<unknown>,
): void {
  const ids = new Set<string>();
  for (const [index, entry] of tokens.entries()) {
    const id = readTokenHash(entry.hash)?.id ?? '';
    if (ids.has(id)) context.addIssue({ code: 'custom', path: [index, 'hash'], message: 'this token is listed twice' });
    ids.add(id);
  }
  checkNames(tokens, 'token', context);
}

function checkNames(
  entries: readonly { readonly name: string }[],
  what: string,
  context: z.RefinementCtx<unknown>,
  path: readonly string[] = [],
): void {
  const names = new Set<string>();
  for (const [index, entry] of entries.entries()) {
    if (names.has(entry.name)) {
      const message = `the name "${entry.name}" is that of another ${what}`;
      context.addIssue({ code: 'custom', path: [...path, index, 'name'], message });
    }
    names.add(entry.name);
  }
}

/** Names of `entries` that are those of `others`, which are something else, as issues. */
export function checkNamesApart(
  entries: readonly { readonly name: string }[],
  others: readonly { readonly name: string }[],
  context: z.RefinementCtx<unknown>,
  what = 'certificate',
  path: readonly string[] = [],
): void {
  const taken = new Set(others.map((entry) => entry.name));
  for (const [index, entry] of entries.entries()) {
    if (!taken.has(entry.name)) continue;
    const message = `the name "${entry.name}" is that of a ${what}: their requests would share one place in queues`;
    context.addIssue({ code: 'custom', path: [...path, index, 'name'], message });
  }
}

const tls = z
  .strictObject({
    certificate: text('the path of a PEM file')
      .nullable()
      .default(null)
      .describe('PEM file with the certificate and its chain; turns TLS on for gRPC and HTTP'),
    key: text('the path of a PEM file').nullable().default(null).describe('PEM file with its private key'),
    clientCa: text('the path of a PEM file')
      .nullable()
      .default(null)
      .describe('PEM file with the authorities whose client certificates are accepted'),
    clientAuth: choice(['none', 'request', 'require'])
      .default('none')
      .describe('whether clients show a certificate; require: connections without one are refused'),
    reload: duration('100ms', '1h')
      .prefault('10s')
      .describe('how often the files of TLS and tokens are looked at: changed ones are taken over without a restart'),
  })
  .superRefine(({ certificate, key, clientCa, clientAuth }, context) => {
    const missing = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    if (certificate !== null && key === null) missing('key', 'missing: security.tls.certificate needs its private key');
    if (certificate === null && key !== null) missing('certificate', 'missing: security.tls.key needs its certificate');
    if (clientAuth !== 'none' && certificate === null)
      missing('certificate', `missing: clientAuth: ${clientAuth} needs TLS`);
    if (clientAuth !== 'none' && clientCa === null) {
      missing('clientCa', `missing: clientAuth: ${clientAuth} needs the authorities whose certificates are accepted`);
    }
    if (clientAuth === 'none' && clientCa !== null) {
      missing('clientAuth', 'expected request or require: with none, nobody is asked for what clientCa could verify');
    }
  });

const HOST = /^(?:[a-z0-9_-]+\.)*[a-z0-9_-]+$/i;

export const security = z
  .strictObject({
    insecure: z
      .union([z.null(), choice(INSECURE_CHOICES)], {
        error: `expected null, or in so many words one of: ${INSECURE_CHOICES.map((words) => `"${words}"`).join(', ')}`,
      })
      .default(null)
      .describe(
        `lets it listen beyond loopback without protection; in so many words: ${INSECURE_CHOICES.join('; or: ')}`,
      ),
    tls: tls.prefault({}),
    tokens: list(token, 'a list of tokens, each with name, hash, scopes and heads')
      .superRefine(checkTokens)
      .default([])
      .describe('bearer tokens; with any here (or in tokensFile), every call needs one, or a listed certificate'),
    tokensFile: text('the path of a YAML file')
      .nullable()
      .default(null)
      .describe(
        'YAML file with more entries of that kind; read again when it changes: a token that is gone is revoked',
      ),
    certificates: list(certificate, 'a list of client certificates, each with name, subject, scopes and heads')
      .default([])
      .describe(
        'what client certificates allow; with neither these nor tokens, any that clientCa signed may do everything',
      ),
    health: choice(['open', 'credentials'])
      .default('open')
      .describe('whether grpc.health.v1, ServerLive and ServerReady answer without credentials'),
    http: z
      .strictObject({
        metrics: choice(['open', 'credentials'])
          .default('credentials')
          .describe(
            'whether /metrics is open; credentials: it needs the scope metrics, where any are asked for at all',
          ),
        hosts: list(
          z.string().regex(HOST, { error: 'expected a host name without port, such as headwater.example' }),
          'a list of host names',
        )
          .default([])
          .describe('names that browsers may call it by (Host), beside localhost, server.host and plain addresses'),
      })
      .prefault({}),
  })
  .superRefine(({ tls: { clientAuth }, certificates, tokens }, context) => {
    if (certificates.length > 0 && clientAuth === 'none') {
      const message = 'expected security.tls.clientAuth: request or require; nobody shows a certificate otherwise';
      context.addIssue({ code: 'custom', path: ['certificates'], message });
    }
    checkNames(certificates, 'certificate', context, ['certificates']);
    checkNamesApart(certificates, tokens, context, 'token', ['certificates']);
  });
