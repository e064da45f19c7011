import type { PeerCertificate } from 'node:tls';

const KINDS: Readonly<Record<string, string>> = { DNS: 'DNS', URI: 'URI', email: 'email', 'IP Address': 'IP' };
/** One entry as Node prints it; a value with a comma or a quote in it is a JSON string. */
const ENTRY = /(DNS|URI|email|IP Address|[^:,"]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/y;

/** `CN:`, `DNS:`, ... and the name: what a certificate says whose it is. DNS names are in lower case. */
export function identitiesOf({
  subject,
  subjectaltname,
}: Pick<PeerCertificate, 'subject' | 'subjectaltname'>): string[] {
  const commonNames: unknown = subject?.CN ?? [];
  const common = (Array.isArray(commonNames) ? commonNames : [commonNames]).map((name) => `CN:${name}`);
  return [...common, ...alternativeNames(subjectaltname ?? '')];
}

/** What is configured as a `subject`, in the same form. */
export function readIdentity(text: string): string {
  const match = /^(CN|DNS|URI|email|IP):(.*)$/s.exec(text);
  if (match === null) return `CN:${text}`;
  return match[1] === 'DNS' ? text.toLowerCase().replace(/^dns/, 'DNS') : text;
}

/** None at all when the text is not understood to its end: a name must not be made of the middle of another. */
function alternativeNames(text: string): string[] {
  const names: string[] = [];
  ENTRY.lastIndex = 0;
  while (ENTRY.lastIndex < text.length) {
    const match = ENTRY.exec(text);
    if (match === null) return [];
    const [, kind = '', value = ''] = match;
    const prefix = KINDS[kind];
    if (prefix === undefined) continue;
    let name = value;
    if (value.startsWith('"')) {
      try {
        name = JSON.parse(value) as string;
      } catch {
        return [];
      }
    }
    names.push(`${prefix}:${prefix === 'DNS' ? name.toLowerCase() : name}`);
  }
  return names;
}
