import type { JsMsg, MsgHdrs } from 'nats';
import type { LabelOrigin } from '../names.js';
import { copyHeaders } from '../nats/dead-letters.js';

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

/** The headers of the moved message. */
export function waitingHeaders(label: WaitingLabel, original: MsgHdrs | undefined): MsgHdrs {
  const headers = copyHeaders(original);
  headers.set(HEAD, label.head);
  headers.set(GENERATION, `${label.generation}`);
  headers.set(CREATED, label.origin.streamCreated);
  headers.set(SEQUENCE, `${label.origin.sequence}`);
  headers.set(LABELLED_AT, `${label.labelledAtMs}`);
  return headers;
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
