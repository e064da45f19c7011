import { type JsMsg, Match, type MsgHdrs, headers as makeHeaders } from 'nats';

/** Added by publishing itself (`Nats-Msg-Id`, the version line). */
const PROTOCOL_BYTES = 256;

export type HeadersRead =
  | { readonly ok: true; readonly headers: MsgHdrs | undefined }
  | { readonly ok: false; readonly problem: string };

/** nats-server passes any bytes on as headers; nats.js throws at the first look at those it can't read. */
export function readHeaders(message: JsMsg): HeadersRead {
  try {
    return { ok: true, headers: message.headers };
  } catch (error) {
    return { ok: false, problem: `its headers can't be read (${(error as Error).message})` };
  }
}

/** The value of a header, however its name is capitalised; undefined when it is absent. */
export function headerValue(headers: MsgHdrs | undefined, name: string): string | undefined {
  return headers?.has(name, Match.IgnoreCase) ? headers.get(name, Match.IgnoreCase) : undefined;
}

/** The publisher's own headers, without those that would change how JetStream stores the copy. */
export function copyHeaders(from: MsgHdrs | undefined): MsgHdrs {
  const copy = makeHeaders();
  for (const key of from?.keys() ?? []) {
    if (key.toLowerCase().startsWith('nats-')) continue;
    for (const value of from?.values(key) ?? []) copy.append(key, printable(value));
  }
  return copy;
}

/** Headers are lines: what would break one is replaced, and long text is cut. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '\ufffd').slice(0, 500);
}

/** Whether headers and payload together stay within NATS's max_payload. */
export function fits(headers: MsgHdrs, payload: Uint8Array, maxPayload: number): boolean {
  let bytes = payload.length + PROTOCOL_BYTES;
  for (const key of headers.keys()) {
    for (const value of headers.values(key)) bytes += Buffer.byteLength(key) + Buffer.byteLength(value) + 4;
  }
  return bytes <= maxPayload;
}
