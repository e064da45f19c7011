// The one error table of the service. docs/errors.md lists the same codes; a test keeps the two in step.
import { Metadata, status as Status } from '@grpc/grpc-js';
import type { EngineError } from '../engine/index.js';
import type { LearnerError } from '../learner/index.js';
import { replaceUnsafe, shorten } from './text/unsafe.js';

interface ErrorEntry {
  readonly status: Status;
  /** What the one who sees it can do. */
  readonly remedy: string;
}

type LearnerCode = LearnerError['code'];
type EngineCode = EngineError['code'];
type ServerCode =
  | 'request_invalid'
  | 'tensor_invalid'
  | 'undecodable_image'
  | 'model_unknown'
  | 'model_unloaded'
  | 'backbone_unknown'
  | 'backbone_mismatch'
  | 'heads_full'
  | 'queue_full'
  | 'requests_full'
  | 'memory_full'
  | 'message_too_large'
  | 'message_malformed'
  | 'deadline_exceeded'
  | 'cancelled'
  | 'unauthenticated'
  | 'permission_denied'
  | 'unsupported'
  | 'starting'
  | 'draining'
  | 'internal';

export type ErrorCode = ServerCode | LearnerCode | EngineCode;

const { INVALID_ARGUMENT, NOT_FOUND, RESOURCE_EXHAUSTED, UNAVAILABLE, FAILED_PRECONDITION, INTERNAL } = Status;

export const ERRORS: Readonly<Record<ErrorCode, ErrorEntry>> = {
  // Requests that can't be answered as they are
  request_invalid: { status: INVALID_ARGUMENT, remedy: 'Correct the field that the message names.' },
  tensor_invalid: { status: INVALID_ARGUMENT, remedy: 'Send the tensor as the message says; see ModelMetadata.' },
  undecodable_image: {
    status: INVALID_ARGUMENT,
    remedy: 'Send a whole JPEG, PNG or WebP within images.maxBytes and images.maxPixels.',
  },
  invalid_argument: { status: INVALID_ARGUMENT, remedy: 'Correct the field that the message names.' },
  label_too_large: { status: INVALID_ARGUMENT, remedy: 'Send a smaller image, or its embedding.' },
  message_malformed: { status: INVALID_ARGUMENT, remedy: "Make the client's stubs from this server's protos." },
  // Names that do not exist, or exist already
  model_unknown: { status: NOT_FOUND, remedy: 'Ask for one of the models that the message lists.' },
  version_unknown: {
    status: NOT_FOUND,
    remedy: 'Ask for one of the versions listed, or for none: the one being served.',
  },
  head_unknown: { status: NOT_FOUND, remedy: 'Create the head, or name one of those listed.' },
  backbone_unknown: { status: NOT_FOUND, remedy: 'Name one of the configured backbones.' },
  class_unknown: { status: NOT_FOUND, remedy: "Name one of the head's classes: see GetHead." },
  head_exists: { status: Status.ALREADY_EXISTS, remedy: 'Choose another name, or delete the head first.' },
  // Too much at once
  queue_full: {
    status: RESOURCE_EXHAUSTED,
    remedy: 'Try again after the delay given; raise server.queueLimit or add replicas.',
  },
  requests_full: {
    status: RESOURCE_EXHAUSTED,
    remedy: 'Try again after the delay given; see server.maxConcurrentRequests.',
  },
  memory_full: {
    status: RESOURCE_EXHAUSTED,
    remedy: 'Try again after the delay given; raise server.receiveMemory or add replicas.',
  },
  labels_full: {
    status: RESOURCE_EXHAUSTED,
    remedy: 'Try again after the delay given; see labels.inFlight and nats.streams.labels.',
  },
  heads_full: { status: RESOURCE_EXHAUSTED, remedy: 'Delete a head, or raise limits.heads.' },
  message_too_large: {
    status: RESOURCE_EXHAUSTED,
    remedy: 'Send fewer images a request, or raise server.maxMessageBytes.',
  },
  deadline_exceeded: { status: Status.DEADLINE_EXCEEDED, remedy: 'Allow more time, or send less at once.' },
  cancelled: { status: Status.CANCELLED, remedy: 'None: the client gave up.' },
  // Who asks
  unauthenticated: {
    status: Status.UNAUTHENTICATED,
    remedy: 'Send `authorization: Bearer TOKEN` with a token that the server knows (security.tokens).',
  },
  permission_denied: {
    status: Status.PERMISSION_DENIED,
    remedy: 'Use credentials with the scope and the heads that the message names.',
  },
  unsupported: { status: Status.UNIMPLEMENTED, remedy: 'None: this server does not do it.' },
  // Not now
  model_unloaded: {
    status: UNAVAILABLE,
    remedy: 'Load the model again (RepositoryModelLoad), or ask another replica.',
  },
  starting: { status: UNAVAILABLE, remedy: 'Try again: /readyz says what is awaited.' },
  draining: { status: UNAVAILABLE, remedy: 'Try again at another replica: this one is stopping.' },
  head_unavailable: { status: UNAVAILABLE, remedy: 'Try again; the state of the head (GetHead) says what is awaited.' },
  nats_unavailable: { status: UNAVAILABLE, remedy: 'Try again once NATS is back: see headwater_nats_connected.' },
  closed: { status: UNAVAILABLE, remedy: 'Try again at another replica: this one is stopping.' },
  // What an operator has to look at
  backbone_mismatch: {
    status: FAILED_PRECONDITION,
    remedy: 'Configure the backbone that the head was taught on, or make a new head for this one.',
  },
  version_mismatch: {
    status: FAILED_PRECONDITION,
    remedy: 'Look at the head again (GetHead), and repeat with a version that it has if you still mean it.',
  },
  log_mismatch: {
    status: FAILED_PRECONDITION,
    remedy: 'Restore the stream that the snapshot belongs to, or make the head anew.',
  },
  snapshot_corrupt: { status: Status.DATA_LOSS, remedy: 'Roll back to another version, or replay the training log.' },
  nats_setup: { status: FAILED_PRECONDITION, remedy: 'Correct the setting of NATS that the message names.' },
  data_directory_in_use: { status: FAILED_PRECONDITION, remedy: 'Stop the other process, or choose another dataDir.' },
  model_unreadable: { status: FAILED_PRECONDITION, remedy: "Correct the backbone's `model`: a readable ONNX file." },
  model_unsupported: {
    status: FAILED_PRECONDITION,
    remedy: 'Export the model anew, without the operators or shapes that the message names.',
  },
  output_unknown: {
    status: FAILED_PRECONDITION,
    remedy: "Correct the backbone's `output`: one of the tensors listed.",
  },
  settings_invalid: { status: FAILED_PRECONDITION, remedy: "Correct the backbone's setting that the message names." },
  run_failed: { status: INTERNAL, remedy: "Look into the server's log: the model failed on this input." },
  internal: { status: INTERNAL, remedy: "Look into the server's log for the time of the request." },
};

/** An error that a caller is told: the message names what is wrong, where, and what to do. */
export class StatusError extends Error {
  override readonly name = 'StatusError';
  /** Milliseconds after which trying again makes sense; only with RESOURCE_EXHAUSTED and UNAVAILABLE. */
  readonly retryDelayMs: number | undefined;
  constructor(
    readonly code: ErrorCode,
    message: string,
    options: ErrorOptions & { retryDelayMs?: number } = {},
  ) {
    super(message, options);
    this.retryDelayMs = options.retryDelayMs;
  }

  get status(): Status {
    return ERRORS[this.code].status;
  }
}

/** How long clients wait when the error itself does not know better. */
const RETRY_DELAY_MS: Readonly<Partial<Record<ErrorCode, number>>> = {
  labels_full: 250,
  requests_full: 100,
  memory_full: 250,
};

/**
 * Any thrown value as a StatusError. Errors of learner and engine keep code and message; of what nobody expected the
 * caller learns nothing but that it happened (the log has the rest).
 */
export function toStatusError(error: unknown): StatusError {
  if (error instanceof StatusError) return error;
  if (error instanceof Error && (error.name === 'LearnerError' || error.name === 'EngineError')) {
    const { code } = error as LearnerError | EngineError;
    if (Object.hasOwn(ERRORS, code)) {
      const retryDelayMs = RETRY_DELAY_MS[code];
      return new StatusError(code, error.message, retryDelayMs ? { cause: error, retryDelayMs } : { cause: error });
    }
  }
  return new StatusError('internal', 'an unexpected error; the log of the server says more', { cause: error });
}

/** Whole milliseconds after which trying again makes sense; undefined when nothing is known of it. */
export function retryDelayMs(error: StatusError): number | undefined {
  const delay = error.retryDelayMs ?? RETRY_DELAY_MS[error.code];
  return delay === undefined ? undefined : Math.max(1, Math.round(delay));
}

/** What grpc-js sends: status, message, and `grpc-retry-pushback-ms` (gRFC A6) when there is a delay to wait. */
export function toServiceError(error: StatusError): { code: Status; details: string; metadata: Metadata } {
  const metadata = new Metadata();
  metadata.set('headwater-error', error.code);
  const delay = retryDelayMs(error);
  if (delay !== undefined) metadata.set('grpc-retry-pushback-ms', String(delay));
  return { code: error.status, details: printable(error.message), metadata };
}

/**
 * One line of visible text, at most 1000 characters: messages quote what strangers sent. Always well-formed Unicode: grpc-js encodes it as a URI, and
 * throws at half a character.
 */
export function printable(message: string): string {
  return replaceUnsafe(shorten(message, 1000), () => '\u{fffd}');
}

/** A stranger's text in quotes, short. */
export function quote(text: string): string {
  return printable(JSON.stringify(text.length > 100 ? `${text.slice(0, 99)}…` : text));
}

/** `a, b, c and 7 more`: what exists, when something else was asked for. */
export function listSome(names: readonly string[], limit = 20): string {
  if (names.length === 0) return 'none';
  const shown = names.slice(0, limit).join(', ');
  return names.length > limit ? `${shown} and ${names.length - limit} more` : shown;
}
