import { LearnerError } from '../../types.js';

/** Where NATS is, with the credentials taken out of the URLs (nats.js ignores them there). */
export interface NatsAddress {
  /** `host:port`, IPv6 in brackets. Safe to show. */
  readonly servers: readonly string[];
  readonly tls: boolean;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly token?: string | undefined;
}

const FORM = 'use nats://host:4222, nats://user:password@host:4222 or tls://token@host:4222';
const DEFAULT_PORT = '4222';

/**
 * Reads NATS URLs: a list, or one string with commas. A bare `host:port` is `nats://`. Special characters of credentials are
 * percent-encoded. All URLs are of one cluster, so they must agree in credentials (those without any take the others').
 * @param where what messages call it
 * @throws LearnerError nats_setup; its message never shows credentials.
 */
export function parseNatsUrls(urls: string | readonly string[], where = 'nats.url'): NatsAddress {
  const list = (typeof urls === 'string' ? [urls] : urls).flatMap((url) => url.split(','));
  const parsed = list
    .map((url) => url.trim())
    .filter((url) => url !== '')
    .map((url) =>
      parseNatsUrl(
        url,
        list.some((other) => other.includes('@'))
          ? `${where} (not shown, it has credentials)`
          : `${where} ${JSON.stringify(url)}`,
      ),
    );
  if (parsed.length === 0) throw new LearnerError('nats_setup', `${where} is empty; ${FORM}`);
  const withCredentials = parsed.filter(({ user, token }) => user !== undefined || token !== undefined);
  const [first] = withCredentials;
  const differs = withCredentials.some(
    ({ user, password, token }) => user !== first?.user || password !== first?.password || token !== first?.token,
  );
  if (differs) throw new LearnerError('nats_setup', `the URLs in ${where} must all have the same credentials`);
  return {
    servers: parsed.map(({ server }) => server),
    tls: parsed.some(({ tls }) => tls),
    user: first?.user,
    password: first?.password,
    token: first?.token,
  };
}

interface ParsedUrl {
  readonly server: string;
  readonly tls: boolean;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly token?: string | undefined;
}

/** `shown` is how messages call it: a password with an unencoded comma or @ ends up in odd places, so it is all or nothing. */
function parseNatsUrl(text: string, shown: string): ParsedUrl {
  const withScheme = text.includes('://') ? text : `nats://${text}`;
  let url: URL;
  try {
    url = new URL(withScheme);
  } catch {
    throw new LearnerError('nats_setup', `${shown} is not a URL; ${FORM}`);
  }
  if (url.protocol !== 'nats:' && url.protocol !== 'tls:') {
    throw new LearnerError('nats_setup', `${shown} has a scheme that is not spoken here; ${FORM}`);
  }
  if (url.hostname === '' || (url.pathname !== '' && url.pathname !== '/')) {
    throw new LearnerError('nats_setup', `${shown} must have a host and no path; ${FORM}`);
  }
  const server = `${url.hostname}:${url.port || DEFAULT_PORT}`;
  const tls = url.protocol === 'tls:';
  const user = decode(url.username, shown);
  const password = decode(url.password, shown);
  if (user === '') return { server, tls };
  return password === '' ? { server, tls, token: user } : { server, tls, user, password };
}

function decode(text: string, shown: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new LearnerError('nats_setup', `${shown}: write % in credentials as %25`);
  }
}
