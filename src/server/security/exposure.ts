// Whether the service may listen where it is told to. What protects it is asked for beyond loopback; whoever wants none
// has to say so in so many words, for words can't be set by accident.
import { isLoopback } from '../../client/loopback.js';

export { isLoopback };

/** Nobody is asked who he is. */
const ANYONE = 'I know that anyone who reaches this port can use it';
/** Tokens without TLS: for a network that encrypts by itself (a service mesh, a VPN). */
const IN_THE_CLEAR = 'I know that tokens and data cross the network unencrypted';

export const INSECURE_CHOICES = [ANYONE, IN_THE_CLEAR] as const;
export type Insecure = (typeof INSECURE_CHOICES)[number];

export interface Protection {
  readonly host: string;
  readonly tls: boolean;
  /** Whether every call needs a token or a client certificate. */
  readonly credentials: boolean;
  readonly insecure: Insecure | null;
}

/** What keeps it from listening there, and what to do, as one line; undefined: nothing. */
export function exposureProblem({ host, tls, credentials, insecure }: Protection): string | undefined {
  if (isLoopback(host) || insecure === ANYONE) return undefined;
  const where = `server.host: ${host} can be reached from other machines`;
  if (!credentials) {
    const nothing = tls
      ? 'whoever reaches it could use it'
      : 'with neither TLS nor tokens, whoever reaches it could use it';
    return (
      `${where}, and ${nothing}: set security.tokens (\`headwater token create\`) and security.tls, or listen on 127.0.0.1, ` +
      `or, if it is meant so, set security.insecure: "${ANYONE}"`
    );
  }
  if (!tls && insecure !== IN_THE_CLEAR) {
    return (
      `${where}, and without TLS its tokens could be read on the way: set security.tls.certificate and security.tls.key, or, if ` +
      `the network encrypts by itself, set security.insecure: "${IN_THE_CLEAR}"`
    );
  }
  return undefined;
}
