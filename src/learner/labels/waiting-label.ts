import { type JsMsg, type MsgHdrs, headers as makeHeaders } from 'nats';
import type { LabelOrigin } from '../names.js';
import { copyHeaders, fits, headerValue } from '../nats/message-headers.js';
import { ID_HEADER, LABEL_HEADER } from './label-message.js';

// A label that moves to a stream of its own (parked, or to be embedded) keeps its payload and headers, and says in these
// headers where it stood in the label stream: that position is what tells a retry from a duplicate.
const HEAD = 'Headwater-Waiting-Head';
const GENERATION = 'Headwater-Waiting-Generation';
const CREATED = 'Headwater-Waiting-Stream-Created';
const SEQUENCE = 'Headwater-Waiting-Sequence';
const LABELLED_AT = 'Headwater-Waiting-Labelled-At';
const OWN_HEADERS = [HEAD, GENERATION, CREATED, SEQUENCE, LABELLED_AT];

export interface WaitingLabel {
  readonly head: string;
  readonly generation: number;
  readonly origin: LabelOrigin;
  readonly labelledAtMs: number;
}

/**
 * The headers of the moved message: the publisher's own beside where it stood. When those make it too large, only the ones that
 * the label needs.
 * @returns undefined when it is too large even so
 */
export function waitingHeaders(
  label: WaitingLabel,
  original: MsgHdrs | undefined,
  payload: Uint8Array,
  maxPayload: number,
): MsgHdrs | undefined {
  const needed = makeHeaders();
  for (const name of [LABEL_HEADER, ID_HEADER]) {
    const value = headerValue(original, name);
    if (value !== undefined) needed.set(name, value);
  }
  for (const headers of [copyHeaders(original), needed]) {
    headers.set(HEAD, label.head);
    headers.set(GENERATION, `${label.generation}`);
    headers.set(CREATED, label.origin.streamCreated);
    headers.set(SEQUENCE, `${label.origin.sequence}`);
    headers.set(LABELLED_AT, `${label.labelledAtMs}`);
    if (fits(headers, payload, maxPayload)) return headers;
  }
  return undefined;
}

/** Undefined for a message that Headwater did not write. */
export function readWaitingLabel(message: JsMsg): WaitingLabel | undefined {
  const get = (name: string) => message.headers?.get(name) ?? '';
  const label = {
    head: get(HEAD),
    generation: Number(get(GENERATION)),
    origin: { streamCreated: get(CREATED), sequence: Number(get(SEQUENCE)) },
    labelledAtMs: Number(get(LABELLED_AT)),
  };
  const complete = label.head !== '' && label.generation > 0 && label.origin.sequence > 0 && label.labelledAtMs > 0;
  return complete ? label : undefined;
}

/** The publisher's own headers again. */
export function originalHeaders(message: JsMsg): MsgHdrs {
  const headers = copyHeaders(message.headers);
  for (const name of OWN_HEADERS) headers.delete(name);
  return headers;
}
