import { type MsgHdrs, headers as makeHeaders } from 'nats';
import { subjects } from '../names.js';
import type { DeadReason } from '../types.js';
import type { NatsLink } from './connection.js';

export interface DeadLetter {
  /** As in the subject it came by, which may be no head's name. */
  readonly head: string;
  readonly reason: DeadReason;
  /** A sentence for whoever reads it. */
  readonly detail: string;
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly headers: MsgHdrs | undefined;
}

/** Room that the added headers may take beside the payload. */
const HEADER_ROOM_BYTES = 2_048;

/** The stream HEADWATER_DEAD: labels that can't be used, unchanged, with the reason. */
export class DeadLetters {
  constructor(private readonly link: NatsLink) {}

  /**
   * Stores a dead letter. A payload that does not fit beside its headers is left out, and a header says so.
   * @throws when NATS does not answer: the label must not be acknowledged then.
   */
  async store(letter: DeadLetter): Promise<void> {
    const fits = letter.payload.length + HEADER_ROOM_BYTES <= this.link.maxPayload;
    const headers = copyHeaders(letter.headers);
    headers.set('Headwater-Reason', letter.reason);
    headers.set('Headwater-Detail', printable(letter.detail));
    headers.set('Headwater-Subject', printable(letter.subject));
    if (!fits) headers.set('Headwater-Payload-Omitted', `${letter.payload.length} bytes`);
    await this.link
      .jetstream()
      .publish(subjects.dead(letter.head), fits ? letter.payload : new Uint8Array(0), { headers, timeout: 5_000 });
  }
}

/** The publisher's own headers, without those that would change how JetStream stores the copy. */
export function copyHeaders(from: MsgHdrs | undefined): MsgHdrs {
  const copy = makeHeaders();
  for (const key of from?.keys() ?? []) {
    if (key.startsWith('Nats-')) continue;
    for (const value of from?.values(key) ?? []) copy.append(key, printable(value));
  }
  return copy;
}

/** Headers are lines: what would break one is replaced, and long text is cut. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '\ufffd').slice(0, 500);
}
