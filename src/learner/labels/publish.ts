import { type MsgHdrs, headers as makeHeaders } from 'nats';
import type { LabelInput } from '../learning.js';
import { checkClassName, checkRequestId, subjects } from '../names.js';
import type { NatsLink } from '../nats/connection/connection.js';
import { isNoResponders, isStreamFull, isTooLarge } from '../nats/connection/errors.js';
import { printable } from '../nats/connection/message-headers.js';
import { isDoorClosed } from '../nats/streams/labels-door.js';
import { type HeadDefinition, LearnerError } from '../types.js';
import { ID_HEADER, LABEL_HEADER, MAX_JSON_BYTES, TRACE_HEADER } from './label-message.js';

const PUBLISH_TIMEOUT_MS = 5_000;
/** Room for an image label's headers. */
const HEADER_ROOM_BYTES = 4_096;

interface Outgoing {
  readonly payload: Uint8Array;
  readonly headers: MsgHdrs | undefined;
}

/**
 * Puts labels that came by gRPC into the label stream, in the forms that everybody else publishes. How many may be on their way is
 * the caller's to bound.
 */
export class LabelPublisher {
  constructor(private readonly link: NatsLink) {}

  /** See `Learning.publishLabels`. All labels are checked before the first is stored. */
  async publish(head: HeadDefinition, labels: readonly LabelInput[], traceparent?: string): Promise<number[]> {
    const outgoing = labels.map((label, index) => {
      const message = toMessage(head, label, `labels[${index}]`, this.link.maxPayload);
      return traceparent === undefined ? message : traced(message, traceparent);
    });
    if (!this.link.connected) throw unavailable('NATS is away');
    return Promise.all(outgoing.map((message) => this.store(subjects.label(head.name), message)));
  }

  private async store(subject: string, { payload, headers }: Outgoing): Promise<number> {
    try {
      const options = headers ? { headers, timeout: PUBLISH_TIMEOUT_MS } : { timeout: PUBLISH_TIMEOUT_MS };
      return (await this.link.jetstream().publish(subject, payload, options)).seq;
    } catch (error) {
      if (isStreamFull(error)) throw full(error);
      if (isNoResponders(error) && (await isDoorClosed(this.link).catch(() => false))) throw full(error);
      if (isTooLarge(error)) throw tooLarge('the label', payload.length, this.link.maxPayload);
      throw unavailable((error as Error).message, error);
    }
  }
}

function full(cause: unknown): LearnerError {
  const message = 'the label stream is full: labels come faster than they are joined; try again later';
  return new LearnerError('labels_full', message, { cause });
}

function unavailable(why: string, cause?: unknown): LearnerError {
  return new LearnerError(
    'nats_unavailable',
    `the label could not be stored (${why}); send it again later: a label with an id counts once`,
    {
      cause,
    },
  );
}

function tooLarge(field: string, bytes: number, maxPayload: number): LearnerError {
  return new LearnerError(
    'label_too_large',
    `${field}: ${bytes} bytes, but NATS takes messages of at most ${maxPayload} (its max_payload)`,
  );
}

function toMessage(head: HeadDefinition, input: LabelInput, field: string, maxPayload: number): Outgoing {
  const label = checkClassName(input.label);
  if (!label.ok) throw new LearnerError('invalid_argument', `${field}.label: ${label.problem}`);
  const { embedding, image } = input;
  if (image && embedding)
    throw new LearnerError('invalid_argument', `${field}: has both an image and an embedding; give one`);
  if (input.id !== '' || (!image && !embedding)) {
    const id = checkRequestId(input.id);
    if (!id.ok) throw new LearnerError('invalid_argument', `${field}.id: ${id.problem}`);
  }
  if (image) {
    for (const [name, text] of [
      ['label', label.value],
      ['id', input.id],
    ] as const) {
      if (text === text.trim()) continue;
      // They travel as headers, which lose them: another label, or an id that counts twice.
      throw new LearnerError(
        'invalid_argument',
        `${field}.${name}: must not begin or end with spaces when an image is given`,
      );
    }
    if (image.length + HEADER_ROOM_BYTES > maxPayload) throw tooLarge(`${field}.image`, image.length, maxPayload);
    return { payload: image, headers: imageHeaders(label.value, input.id) };
  }
  const id = input.id === '' ? {} : { id: input.id };
  const json = embedding
    ? { ...id, embedding: checkEmbedding(head, embedding, field), label: label.value }
    : { ...id, label: label.value };
  const payload = Buffer.from(JSON.stringify(json));
  const limit = Math.min(MAX_JSON_BYTES, maxPayload);
  if (payload.length > limit) throw tooLarge(field, payload.length, limit);
  return { payload, headers: undefined };
}

function traced({ payload, headers = makeHeaders() }: Outgoing, traceparent: string): Outgoing {
  headers.set(TRACE_HEADER, printable(traceparent));
  return { payload, headers };
}

function imageHeaders(label: string, id: string): MsgHdrs {
  const headers = makeHeaders();
  headers.set(LABEL_HEADER, label);
  if (id !== '') headers.set(ID_HEADER, id);
  return headers;
}

function checkEmbedding(head: HeadDefinition, embedding: readonly number[], field: string): readonly number[] {
  if (embedding.length !== head.dimensions) {
    const problem = `${embedding.length} values, head '${head.name}' expects ${head.dimensions}`;
    throw new LearnerError('invalid_argument', `${field}.embedding: ${problem}`);
  }
  const bad = embedding.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw new LearnerError('invalid_argument', `${field}.embedding[${bad}]: is not a finite number`);
  return embedding;
}
