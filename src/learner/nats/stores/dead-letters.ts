import { type MsgHdrs, headers as makeHeaders } from 'nats';
import { subjects } from '../../names.js';
import type { DeadReason } from '../../types.js';
import type { NatsLink } from '../connection/connection.js';
import { copyHeaders, fits, printable } from '../connection/message-headers.js';

export interface DeadLetter {
  /** As in the subject it came by, which may be no head's name. */
  readonly head: string;
  readonly reason: DeadReason;
  /** A sentence for whoever reads it. */
  readonly detail: string;
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly headers: MsgHdrs | undefined;
  /** Where the label stood in its stream: it is given up once, also when it is handled again. undefined: not known. */
  readonly position?: string | undefined;
}

const NOTHING = new Uint8Array(0);

/** The stream HEADWATER_DEAD: labels that can't be used, unchanged, with the reason. */
export class DeadLetters {
  constructor(private readonly link: NatsLink) {}

  /**
   * Stores a dead letter. What does not fit into a message beside the reason is left out, the publisher's headers first, and a
   * header says so.
   * @returns false when it was stored before, a short while ago
   * @throws when NATS does not answer: the label must not be acknowledged then.
   */
  async store(letter: DeadLetter): Promise<boolean> {
    const { payload, headers } = fitted(letter, this.link.maxPayload);
    const options = { headers, timeout: 5_000, ...(letter.position === undefined ? {} : { msgID: letter.position }) };
    const { duplicate } = await this.link.jetstream().publish(subjects.dead(letter.head), payload, options);
    return !duplicate;
  }
}

function fitted(letter: DeadLetter, maxPayload: number): { payload: Uint8Array; headers: MsgHdrs } {
  const whole = explain(copyHeaders(letter.headers), letter);
  if (fits(whole, letter.payload, maxPayload)) return { payload: letter.payload, headers: whole };
  const bare = explain(makeHeaders(), letter);
  if (letter.headers) bare.set('Headwater-Headers-Omitted', 'too large');
  if (fits(bare, letter.payload, maxPayload)) return { payload: letter.payload, headers: bare };
  bare.set('Headwater-Payload-Omitted', `${letter.payload.length} bytes`);
  return { payload: NOTHING, headers: bare };
}

function explain(headers: MsgHdrs, { reason, detail, subject }: DeadLetter): MsgHdrs {
  headers.set('Headwater-Reason', reason);
  headers.set('Headwater-Detail', printable(detail));
  headers.set('Headwater-Subject', printable(subject));
  return headers;
}
