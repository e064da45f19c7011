import { type JsMsg, type MsgHdrs, headers as makeHeaders } from 'nats';
import { type LabelOrigin, subjects } from '../names.js';
import type { NatsLink } from '../nats/connection/connection.js';
import { isStreamFull } from '../nats/connection/errors.js';
import { copyHeaders, fits, headerValue, readHeaders } from '../nats/connection/message-headers.js';
import type { StreamRoom } from '../nats/streams/stream-room.js';
import { LearnerError } from '../types.js';
import type { HeadDirectory } from './head-directory.js';
import { ID_HEADER, LABEL_HEADER, type LabelMessage, parseLabelMessage } from './label-message.js';
import type { AcceptedLabel, LetterSource } from './sample-writer.js';

// A label that moves to a stream of its own (parked, or to be embedded) keeps its payload and headers, and says in these
// headers where it stood in the label stream: that position is what tells a retry from a duplicate.
const HEAD = 'Headwater-Waiting-Head';
const GENERATION = 'Headwater-Waiting-Generation';
const CREATED = 'Headwater-Waiting-Stream-Created';
const SEQUENCE = 'Headwater-Waiting-Sequence';
const LABELLED_AT = 'Headwater-Waiting-Labelled-At';
const OWN_HEADERS = [HEAD, GENERATION, CREATED, SEQUENCE, LABELLED_AT];

interface WaitingLabel {
  readonly head: string;
  readonly generation: number;
  readonly origin: LabelOrigin;
  readonly labelledAtMs: number;
}

/**
 * Puts a label into a stream where it waits; the caller acknowledges it then.
 * @param room of that stream
 * @returns `too_large`: it leaves no room to say where it stood; `full`: the stream takes no more
 * @throws when NATS does not answer: moving it again is safe.
 */
export async function moveLabel(
  link: NatsLink,
  room: StreamRoom,
  subject: string,
  { head, origin, labelledAtMs }: AcceptedLabel,
  { headers: original, payload }: LetterSource,
): Promise<'moved' | 'full' | 'too_large'> {
  const waiting = { head: head.name, generation: head.generation, origin, labelledAtMs };
  const headers = waitingHeaders(waiting, original, payload, link.maxPayload);
  if (headers === undefined) return 'too_large';
  try {
    const msgID = `${origin.streamCreated} ${origin.sequence} ${origin.atMs}`;
    const publish = () => link.jetstream().publish(subject, payload, { headers, msgID });
    return (await room.within(payload.length, publish)) ? 'moved' : 'full';
  } catch (error) {
    if (isStreamFull(error)) return 'full';
    throw error;
  }
}

/** A label as it was before it moved. */
export interface RecalledLabel {
  readonly letter: LetterSource;
  /** As in the subject that it first came by; empty when Headwater did not write the message. */
  readonly headName: string;
  /** undefined when Headwater did not write the message, or its head was deleted meanwhile. */
  readonly found: { readonly label: AcceptedLabel; readonly message: LabelMessage } | undefined;
}

/** Reads a message that waited. @throws when NATS does not answer, or the head that it waited for is not known here yet. */
export async function recallLabel(message: JsMsg, heads: HeadDirectory): Promise<RecalledLabel> {
  const { waiting, letter } = readWaiting(message);
  const headName = waiting?.head ?? '';
  const head = waiting && (await findNow(waiting, heads));
  const parsed = parseLabelMessage(letter.subject, (name) => headerValue(letter.headers, name), letter.payload);
  if (!waiting || head?.generation !== waiting.generation || parsed.form === 'unusable') {
    return { letter, headName, found: undefined };
  }
  const { origin, labelledAtMs } = waiting;
  const label = { head, id: parsed.id, label: parsed.label, origin, labelledAtMs };
  return { letter, headName, found: { label, message: parsed } };
}

async function findNow({ head: name, generation }: WaitingLabel, heads: HeadDirectory) {
  await heads.upToNow();
  const head = await heads.find(name);
  if (head === undefined || head.generation >= generation) return head;
  throw new LearnerError('nats_unavailable', `head '${name}' was created again, which is not known here yet`);
}

/** The dead letter of a message that waited, without asking anybody. */
export function letterOf(message: JsMsg): { headName: string; letter: LetterSource } {
  const { waiting, letter } = readWaiting(message);
  return { headName: waiting?.head ?? '', letter };
}

function readWaiting(message: JsMsg): { waiting: WaitingLabel | undefined; letter: LetterSource } {
  const read = readHeaders(message);
  const headers = read.ok ? read.headers : undefined;
  const waiting = readWaitingLabel(headers);
  const subject = waiting ? subjects.label(waiting.head) : message.subject;
  const position = waiting && `${waiting.origin.sequence} ${waiting.origin.atMs}`;
  return { waiting, letter: { subject, payload: message.data, headers: originalHeaders(headers), position } };
}

/**
 * The headers of the moved message: the publisher's own beside where it stood. When those make it too large, only the ones that
 * the label needs.
 * @returns undefined when it is too large even so
 */
function waitingHeaders(
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
function readWaitingLabel(headers: MsgHdrs | undefined): WaitingLabel | undefined {
  const get = (name: string) => headers?.get(name) ?? '';
  const label = {
    head: get(HEAD),
    generation: Number(get(GENERATION)),
    origin: { streamCreated: get(CREATED), sequence: Number(get(SEQUENCE)), atMs: Number(get(LABELLED_AT)) },
    labelledAtMs: Number(get(LABELLED_AT)),
  };
  const complete = label.head !== '' && label.generation > 0 && label.origin.sequence > 0 && label.labelledAtMs > 0;
  return complete ? label : undefined;
}

/** The publisher's own headers again. */
function originalHeaders(from: MsgHdrs | undefined): MsgHdrs {
  const headers = copyHeaders(from);
  for (const name of OWN_HEADERS) headers.delete(name);
  return headers;
}
