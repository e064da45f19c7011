import { ErrorCode, NatsError } from 'nats';
import { LearnerError } from '../../types.js';

/**
 * JetStream's error codes (`err_code`) that Headwater acts on, as nats-server 2.9.10 gives them. The integration test
 * provokes each.
 */
export const JETSTREAM_ERROR = {
  /** JetStream is starting, or has no leader. */
  temporarilyUnavailable: 10008,
  consumerNotFound: 10014,
  noMessageFound: 10037,
  /** The account has JetStream switched off. */
  notEnabledForAccount: 10039,
  /** A stream's max_bytes would reserve more than the server has. */
  insufficientStorage: 10047,
  /** An update tries to change what is fixed at creation; the description says what. */
  invalidConfiguration: 10052,
  messageTooLarge: 10054,
  /** Mostly: the message is gone already. */
  messageDeleteFailed: 10057,
  streamNameInUse: 10058,
  streamNotFound: 10059,
  subjectsOverlap: 10065,
  wrongLastSequence: 10071,
  replicasNeedCluster: 10074,
  notEnabled: 10076,
  /**
   * Whatever the store refuses: a subject that has its message, a full stream, and a disk's errors alike. Only the
   * description tells them apart: never take the code alone for a duplicate.
   */
  storeFailed: 10077,
} as const;

const SUBJECT_TAKEN = 'maximum messages per subject exceeded';
const STREAM_FULL = ['maximum bytes exceeded', 'maximum messages exceeded'];

/** JetStream's own error code; undefined when the error did not come from its API. */
export function jetStreamCode(error: unknown): number | undefined {
  return error instanceof NatsError ? error.api_error?.err_code : undefined;
}

/** What JetStream says of it. nats.js keeps it out of the message when the status is 503. */
export function describeNatsError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!(error instanceof NatsError)) return error.message;
  if (error.api_error !== undefined) return `${error.api_error.description} (${error.api_error.err_code})`;
  if (isNoResponders(error)) return 'nobody answers there (no JetStream, or no such stream)';
  if (isTimeout(error)) return 'no answer in time';
  return error.chainedError ? `${error.message}: ${error.chainedError.message}` : error.message;
}

/** The stream keeps one message a subject, and this subject has one: `discard_new_per_subject`. */
export function isSubjectTaken(error: unknown): boolean {
  return storeFailure(error) === SUBJECT_TAKEN;
}

/** The stream is full and refuses new messages. */
export function isStreamFull(error: unknown): boolean {
  const failure = storeFailure(error);
  return failure !== undefined && STREAM_FULL.includes(failure);
}

/** Any refusal of the store, 10077: a taken subject, a full stream, or the disk's trouble. */
export function isStoreRefusal(error: unknown): boolean {
  return jetStreamCode(error) === JETSTREAM_ERROR.storeFailed;
}

function storeFailure(error: unknown): string | undefined {
  if (!isStoreRefusal(error)) return undefined;
  return (error as NatsError).api_error?.description;
}

/** Nobody listens on the subject: for JetStream, no stream takes it, or JetStream is not there. */
export function isNoResponders(error: unknown): boolean {
  // nats.js uses '503' for JetStream's own refusals too, which carry an api_error.
  return error instanceof NatsError && error.code === ErrorCode.NoResponders && error.api_error === undefined;
}

/** No answer in time: what was asked for may have been done or not. */
export function isTimeout(error: unknown): boolean {
  return error instanceof NatsError && error.code === ErrorCode.Timeout;
}

/** No such message, by the API or by a direct get, which has no API code. */
export function isNotFound(error: unknown): boolean {
  const code = jetStreamCode(error);
  if (code !== undefined) return code === JETSTREAM_ERROR.noMessageFound;
  return error instanceof NatsError && error.code === ErrorCode.JetStream404NoMessages;
}

/** The message is larger than the server or the stream takes. */
export function isTooLarge(error: unknown): boolean {
  if (jetStreamCode(error) === JETSTREAM_ERROR.messageTooLarge) return true;
  return error instanceof NatsError && error.code === ErrorCode.MaxPayloadExceeded;
}

const CONNECTION_CODES: readonly string[] = [
  ErrorCode.ConnectionClosed,
  ErrorCode.ConnectionDraining,
  ErrorCode.ConnectionRefused,
  ErrorCode.ConnectionTimeout,
  ErrorCode.Disconnect,
];

/** NATS or JetStream is away for now: worth trying again later, unchanged. */
export function isUnavailable(error: unknown): boolean {
  if (error instanceof LearnerError) return error.code === 'nats_unavailable';
  if (isNoResponders(error) || isTimeout(error)) return true;
  if (jetStreamCode(error) === JETSTREAM_ERROR.temporarilyUnavailable) return true;
  return error instanceof NatsError && CONNECTION_CODES.includes(error.code);
}
