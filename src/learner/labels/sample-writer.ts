import { encodeSample, type Sample } from '../fold/log-entry.js';
import type { ServedRecord } from '../fold/served-record.js';
import type { LearningObserver } from '../learning.js';
import { isHeadName, type LabelOrigin, messageKey, sampleIdentity } from '../names.js';
import { headerValue } from '../nats/connection/message-headers.js';
import type { TrainingLog } from '../nats/log/training-log.js';
import type { DeadLetter, DeadLetters } from '../nats/stores/dead-letters.js';
import { DONE, retryAfter, type Verdict } from '../nats/streams/work-queue.js';
import type { TracedLabel } from '../tracing.js';
import type { DeadReason, HeadDefinition, LabelResult } from '../types.js';
import { TRACE_HEADER } from './label-message.js';

/** A label whose head is known, whatever form it came in. */
export interface AcceptedLabel {
  readonly head: HeadDefinition;
  /** Empty when the label has none. */
  readonly id: string;
  readonly label: string;
  readonly origin: LabelOrigin;
  /** Unix time at which it entered the label stream. */
  readonly labelledAtMs: number;
}

/** The stream is full: labels wait this long before the next attempt. */
const FULL_RETRY_MS = 5_000;

const resultOfReason: Record<DeadReason, LabelResult> = {
  invalid: 'invalid',
  unknown_id: 'unknown_id',
  unknown_head: 'invalid',
  unknown_class: 'invalid',
  class_limit: 'invalid',
  late: 'late',
  too_large: 'invalid',
  undecodable_image: 'invalid',
  wrong_backbone: 'invalid',
};

/**
 * Where every label ends: in the training log, or as a dead letter. What it resolves with tells whether the message may be
 * acknowledged; it rejects when NATS does not answer, and then the message comes again.
 */
export class SampleWriter {
  constructor(
    private readonly log: TrainingLog,
    private readonly dead: DeadLetters,
    private readonly observer: LearningObserver,
    private readonly windowMs: number,
  ) {}

  /** A label and the record of what was served: their join is the sample, unless the label came too late. */
  async join(label: AcceptedLabel, record: ServedRecord, letter: LetterSource): Promise<Verdict> {
    const delayMs = label.labelledAtMs - record.servedAtMs;
    if (delayMs > this.windowMs) {
      const detail = `the label came ${Math.round(delayMs / 1000)} s after the answer; labels.window is ${this.windowMs / 1000} s`;
      return this.bury(label.head.name, 'late', detail, letter);
    }
    const served = { version: record.version, predicted: record.predicted, servedAtMs: record.servedAtMs };
    const verdict = await this.append(label, 'join', record.embedding, record.backboneIdentity, letter, served);
    return verdict;
  }

  /** A label that brought its own embedding, or whose image was embedded. */
  sample(
    label: AcceptedLabel,
    form: 'embedding' | 'image',
    embedding: Float32Array,
    backboneIdentity: string,
    letter: LetterSource,
  ): Promise<Verdict> {
    return this.append(label, form, embedding, backboneIdentity, letter, undefined);
  }

  /** Gives a label up: a dead letter with the reason, and a count. `head` as in the subject it came by. */
  async bury(head: string, reason: DeadReason, detail: string, letter: LetterSource): Promise<Verdict> {
    if (!(await this.dead.store({ ...letter, head, reason, detail }))) return DONE;
    const known = reason !== 'unknown_head' && isHeadName(head);
    this.observer.labelResult(known ? head : '', resultOfReason[reason]);
    this.observer.deadLetter(known ? head : '', reason);
    this.trace(head, undefined, undefined, reason, letter);
    return DONE;
  }

  /** A label that does not fit into a message once it says where it stood in the label stream. */
  buryTooLarge({ head }: AcceptedLabel, letter: LetterSource, maxPayload: number): Promise<Verdict> {
    const detail = `its ${letter.payload.length} bytes and headers leave no room within NATS's max_payload of ${maxPayload}`;
    return this.bury(head.name, 'too_large', detail, letter);
  }

  private async append(
    label: AcceptedLabel,
    form: Sample['form'],
    embedding: Float32Array,
    backboneIdentity: string,
    letter: LetterSource,
    served: Sample['served'],
  ): Promise<Verdict> {
    const { head, id, origin, labelledAtMs } = label;
    if (backboneIdentity !== head.backboneIdentity) {
      const detail = `the embedding is of backbone ${backboneIdentity.slice(0, 12)}, head '${head.name}' learns on ${head.backboneIdentity.slice(0, 12)}`;
      return this.bury(head.name, 'wrong_backbone', detail, letter);
    }
    if (embedding.length !== head.dimensions) {
      const detail = `the embedding has ${embedding.length} values, head '${head.name}' expects ${head.dimensions}`;
      return this.bury(head.name, 'invalid', detail, letter);
    }
    const entry = encodeSample({
      id,
      label: label.label,
      embedding,
      backboneIdentity,
      origin,
      served,
      form,
      labelledAtMs,
    });
    const outcome = await this.log.append(head, id, origin, entry);
    if (outcome === 'full') return retryAfter(FULL_RETRY_MS);
    if (outcome !== 'own_retry') this.trace(head.name, label, form, outcome, letter);
    if (outcome === 'duplicate') this.observer.labelResult(head.name, 'duplicate');
    if (outcome === 'appended' && served) {
      this.observer.labelDelay(head.name, Math.max(0, labelledAtMs - served.servedAtMs) / 1000);
    }
    return DONE;
  }

  private trace(
    head: string,
    label: AcceptedLabel | undefined,
    form: Sample['form'] | undefined,
    outcome: TracedLabel['outcome'],
    { headers }: LetterSource,
  ): void {
    const { tracer } = this.observer;
    if (tracer === undefined) return;
    const key = label && messageKey(sampleIdentity(label.id, label.origin));
    const traceparent = headerValue(headers, TRACE_HEADER);
    tracer.labelled({ head, key, traceparent, form, outcome, fromMs: label?.labelledAtMs });
  }
}

/** What a dead letter keeps of the message. */
export type LetterSource = Pick<DeadLetter, 'subject' | 'payload' | 'headers' | 'position'>;
