import type { JsMsg } from 'nats';
import type { LabelOrigin } from '../names.js';
import { subjects } from '../names.js';
import type { NatsLink } from '../nats/connection/connection.js';
import { headerValue, readHeaders } from '../nats/connection/message-headers.js';
import type { ServedRecords } from '../nats/stores/served-records.js';
import { StreamRoom } from '../nats/streams/stream-room.js';
import { EMBED_STREAM, LABELS_STREAM } from '../nats/streams/streams.js';
import { DONE, retryAfter, type Verdict, WorkQueue } from '../nats/streams/work-queue.js';
import { KeyedQueue } from '../tasks/keyed-queue.js';
import type { HeadDefinition } from '../types.js';
import { type HeadDirectory, refuseClass } from './head-directory.js';
import { headOfSubject, type LabelMessage, parseLabelMessage } from './label-message.js';
import type { ParkedLabels } from './parked-labels.js';
import type { AcceptedLabel, LetterSource, SampleWriter } from './sample-writer.js';
import { moveLabel } from './waiting-label.js';

const CONCURRENCY = 64;
const ACK_WAIT_MS = 10_000;
const FULL_RETRY_MS = 5_000;

export interface LabelPipelineOptions {
  readonly link: NatsLink;
  readonly heads: HeadDirectory;
  readonly served: ServedRecords;
  readonly parked: ParkedLabels;
  readonly writer: SampleWriter;
  /** When HEADWATER_LABELS was made: part of every label's position. */
  readonly labelsCreated: string;
  /** What HEADWATER_EMBED may hold. */
  readonly embedBytes: number;
  onTrouble(problem: string): void;
}

/**
 * The stream HEADWATER_LABELS, label by label: joins go to the training log when their record is found and are parked when it
 * is not; embeddings go to the log; images move on to be embedded; the rest become dead letters.
 */
export class LabelPipeline {
  private readonly queue: WorkQueue;
  /** Labels of one id are handled in their order, so that the first wins. */
  private readonly byId = new KeyedQueue();
  private readonly embedRoom: StreamRoom;

  constructor(private readonly options: LabelPipelineOptions) {
    const { link, embedBytes } = options;
    this.embedRoom = new StreamRoom(link, EMBED_STREAM, embedBytes);
    this.queue = new WorkQueue(link, {
      stream: LABELS_STREAM,
      consumer: 'join',
      concurrency: CONCURRENCY,
      // Labels may be images of the server's max_payload: what waits here is bounded in bytes.
      limit: { maxBytes: Math.max(16 << 20, 2 * link.maxPayload) },
      ackWaitMs: ACK_WAIT_MS,
      maxAckPending: 4_096,
      handle: (message) => this.handle(message),
      giveUp: (message, problem) => this.giveUp(message, problem),
      onTrouble: options.onTrouble,
    });
  }

  stop(): Promise<void> {
    return this.queue.stop();
  }

  private async handle(message: JsMsg): Promise<Verdict> {
    const read = readHeaders(message);
    const headers = read.ok ? read.headers : undefined;
    const letter = { subject: message.subject, payload: message.data, headers, position: positionOf(message) };
    if (!read.ok) {
      return this.options.writer.bury(headOfSubject(message.subject), 'invalid', read.problem, letter);
    }
    const label = parseLabelMessage(message.subject, (name) => headerValue(headers, name), message.data);
    const { writer, heads } = this.options;
    if (label.form === 'unusable') return writer.bury(label.head, label.reason, label.detail, letter);
    await heads.upToNow();
    const head = await heads.find(label.head);
    if (head === undefined) return writer.bury(label.head, 'unknown_head', `there is no head '${label.head}'`, letter);
    const refused = await refuseClass(heads, head, label.label);
    if (refused) return writer.bury(head.name, refused.reason, refused.detail, letter);
    return this.accept(label, this.accepted(head, label, message), message, letter);
  }

  private giveUp(message: JsMsg, problem: string): Promise<Verdict> {
    const { subject, data: payload } = message;
    const letter = { subject, payload, headers: undefined, position: positionOf(message) };
    return this.options.writer.bury(
      headOfSubject(message.subject),
      'invalid',
      `it can't be handled: ${problem}`,
      letter,
    );
  }

  private accepted(head: HeadDefinition, label: LabelMessage, message: JsMsg): AcceptedLabel {
    const labelledAtMs = message.info.timestampNanos / 1e6;
    const origin: LabelOrigin = {
      streamCreated: this.options.labelsCreated,
      sequence: message.seq,
      atMs: labelledAtMs,
    };
    return { head, id: label.id, label: label.label, origin, labelledAtMs };
  }

  private accept(label: LabelMessage, accepted: AcceptedLabel, message: JsMsg, letter: LetterSource): Promise<Verdict> {
    if (label.form === 'image') return this.moveToEmbed(accepted, letter);
    const byId = `${accepted.head.name} ${accepted.id === '' ? message.seq : accepted.id}`;
    return this.byId.run(byId, () =>
      label.form === 'embedding'
        ? this.options.writer.sample(accepted, 'embedding', label.embedding, accepted.head.backboneIdentity, letter)
        : this.joinOrPark(accepted, letter),
    );
  }

  private async joinOrPark(label: AcceptedLabel, letter: LetterSource): Promise<Verdict> {
    const { served, parked, writer } = this.options;
    const { name, generation } = label.head;
    // An earlier label of this id is parked: this one may not overtake it.
    const record = parked.holds(name, generation, label.id)
      ? undefined
      : await served.find(name, generation, label.id, label.labelledAtMs);
    return record === undefined ? parked.park(label, letter) : writer.join(label, record, letter);
  }

  /** Images wait in a stream of their own, since only processes that serve the backbone can embed them. */
  private async moveToEmbed(label: AcceptedLabel, letter: LetterSource): Promise<Verdict> {
    const { link, writer } = this.options;
    const { backbone, name } = label.head;
    const moved = await moveLabel(link, this.embedRoom, subjects.embed(backbone, name), label, letter);
    if (moved === 'too_large') return writer.buryTooLarge(label, letter, link.maxPayload);
    return moved === 'full' ? retryAfter(FULL_RETRY_MS) : DONE;
  }
}

/** In HEADWATER_LABELS. */
function positionOf({ seq, info }: JsMsg): string {
  return `${seq} ${info.timestampNanos}`;
}
