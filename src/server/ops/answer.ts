import { printableJson } from '../text/json.js';

/** What an HTTP request is answered with. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

export const PLAIN = 'text/plain; charset=utf-8';

/** NaN and infinities become null. Names and reasons of strangers stand in it as escapes where they are no visible text: people read it with curl. */
export function json(value: unknown, status = 200): Answer {
  return { status, type: 'application/json', body: `${printableJson(value)}\n` };
}
