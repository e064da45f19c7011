import { status } from '@grpc/grpc-js';
import { v7 as uuidv7 } from 'uuid';
import type { FeedbackRequest, FeedbackResponse__Output } from '../../protos/index.js';
import { refusal } from './errors.js';

/** The truth about an answer, or about an image of its own. */
export interface LabelInput {
  /** Of the answer that it joins (`ImageAnswer.id`); with `image` or `embedding` the sample's own, and made when it is missing. */
  readonly id?: string | undefined;
  /** The class's name. */
  readonly label: string;
  /** An encoded image: JPEG, PNG, WebP. */
  readonly image?: Uint8Array | undefined;
  /** An embedding of the head's backbone. */
  readonly embedding?: ArrayLike<number> | undefined;
}

/** Labels that are stored. */
export interface StoredLabels {
  /** Of each label, those made by the client among them. */
  readonly ids: readonly string[];
  /** Of each label, its position in the label stream. */
  readonly sequences: readonly number[];
}

/**
 * Each label gets an id: one counts once for an id however often it comes, so that sending it again is safe.
 * @throws TypeError for a label without an id that joins nothing and teaches nothing.
 */
export function feedbackRequest(
  head: string,
  labels: readonly LabelInput[],
): { request: FeedbackRequest; ids: readonly string[] } {
  const ids = labels.map(({ id, image, embedding }, index) => {
    if (id !== undefined && id !== '') return id;
    if (image === undefined && embedding === undefined) {
      throw new TypeError(`labels[${index}]: expected the id of an answer, or an image or embedding to learn from`);
    }
    return uuidv7();
  });
  const messages = labels.map(({ label, image, embedding }, index) => ({
    ...{ id: ids[index] as string, label },
    ...(image !== undefined && { image }),
    ...(embedding !== undefined && { embedding: Array.from(embedding) }),
  }));
  return { request: { head, labels: messages }, ids };
}

/** The positions of labels that a stream answered. @throws ServiceError when they were refused. */
export function readFeedback(response: FeedbackResponse__Output): readonly number[] {
  const { code, error, errorCode, retryDelayMs, sequences } = response;
  if (code === status.OK && error === '') return sequences;
  throw refusal(code, error, errorCode, retryDelayMs);
}
