import type { IncomingMessage } from 'node:http';
import { StatusError } from '../../errors.js';

/** Larger ones are no request of this API. */
const MAX_JSON = 16 * 1024;

/** @throws StatusError message_too_large beyond `limit` bytes, whatever Content-Length says; cancelled when the sender goes away. */
export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const tooLarge = () => new StatusError('message_too_large', `the body is larger than ${limit} bytes`);
  if (Number(request.headers['content-length'] ?? 0) > limit) throw tooLarge();
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      length += (chunk as Buffer).length;
      if (length > limit) throw tooLarge();
      chunks.push(chunk as Buffer);
    }
  } catch (error) {
    if (error instanceof StatusError) throw error;
    throw new StatusError('cancelled', 'the request ended before its body did', { cause: error });
  }
  return Buffer.concat(chunks);
}

/** A body that is a JSON object; without one, an empty object. @throws StatusError request_invalid, and as `readBody`. */
export async function readJson(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const text = (await readBody(request, MAX_JSON)).toString('utf8');
  if (text.trim() === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new StatusError('request_invalid', 'the body: expected JSON');
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new StatusError('request_invalid', 'the body: expected a JSON object');
}

/** @throws StatusError request_invalid */
export function textField(body: Readonly<Record<string, unknown>>, name: string): string {
  const value = body[name];
  if (typeof value === 'string') return value;
  throw new StatusError('request_invalid', `${name}: expected text`);
}

/** @throws StatusError request_invalid */
export function versionField(body: Readonly<Record<string, unknown>>): number {
  const { version } = body;
  if (Number.isSafeInteger(version) && (version as number) > 0) return version as number;
  throw new StatusError('request_invalid', "version: expected a number of one of the head's versions");
}
