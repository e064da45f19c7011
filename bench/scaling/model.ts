// What Headwater sends, stores and computes, as formulas: pure, so that the page, the tests and the measurements use the same ones.
// Bytes are those of messages as NATS counts them (headers and payload), unless a name says `stored`.

/** What nats-server's file store adds to a message: length, sequence, time, length of the subject (22), a checksum (8). Headers: their length (4). */
export const STORE_BYTES = 30;
export const STORE_HEADER_BYTES = 4;
/** sha256 in hexadecimal: the identity of a backbone. */
const IDENTITY_BYTES = 64;
/** An RFC 3339 time with nanoseconds. */
const TIME_BYTES = 30;
/** The key of an id: 22 characters of base64url. */
const KEY_BYTES = 22;
const DOUBLE_FIELD_BYTES = 9;
const FLOAT32 = 4;
const FLOAT64 = 8;
/** src/learner/nats/stores/object-chunks.ts */
export const CHUNK_BYTES = 64 * 1024;
/** What the object store keeps of an object beside its chunks: JSON with name, hash, times; seen. */
export const OBJECT_META_BYTES = 450;
/** `<head>.latest`, whose classes are cut to so much JSON (src/learner/heads/snapshots/class-details.ts): heads of 100 classes and more come near it. */
export const POINTER_BYTES = 16 * 1024;
/** Magic, version, header's length; sha256 (src/learner/fold/snapshot-container.ts). */
const SNAPSHOT_FRAME_BYTES = 16 + 32;
/** Versions that one learner process writes a second, at most; its states' bytes a second (src/learner/heads/snapshots/snapshot-schedule.ts). */
export const VERSIONS_PER_LEARNER = 40;
export const STATE_BYTES_PER_LEARNER = 4e6;
/** The default of `nats.streams.served`. */
export const DEFAULT_SERVED_BYTES = 2 ** 30;

/** One head and its requests, in sizes. */
export interface Shape {
  /** Length of an embedding. */
  readonly dimensions: number;
  readonly classes: number;
  /** Of ids, of class names and of the head's name, in bytes. */
  readonly id: number;
  readonly className: number;
  readonly headName: number;
}

/** Processes by what they do; one with several roles counts in each. */
export interface Processes {
  readonly serve: number;
  readonly join: number;
  readonly learn: number;
}

/** Bytes of a protobuf varint. */
export function varintBytes(value: number): number {
  return value < 128 ? 1 : 1 + varintBytes(Math.floor(value / 128));
}

/** Tag (fields below 16), length, content. */
function field(bytes: number): number {
  return 1 + varintBytes(bytes) + bytes;
}

function number(value: number): number {
  return 1 + varintBytes(value);
}

/** A message of HEADWATER_SERVED: its payload. @param version of the head that answered; 0: it had learned nothing, and the class is empty */
export function servedRecordBytes({ dimensions, id, className }: Shape, version: number): number {
  const answer = number(version) + field(version === 0 ? 0 : className);
  return field(id) + answer + field(FLOAT32 * dimensions) + field(IDENTITY_BYTES) + DOUBLE_FIELD_BYTES;
}

/** A message of HEADWATER_TRAINING that a joined label became: its payload. @param sequence of the label in its stream */
export function trainingEntryBytes(shape: Shape, version: number, sequence: number): number {
  const { dimensions, id, className } = shape;
  const origin = field(field(TIME_BYTES) + number(sequence));
  const served = field(number(version) + field(version === 0 ? 0 : className) + DOUBLE_FIELD_BYTES);
  const form = 2;
  const sample =
    field(id) + field(className) + field(FLOAT32 * dimensions) + field(IDENTITY_BYTES) + origin + served + form;
  return field(sample + DOUBLE_FIELD_BYTES);
}

/** A label as a source publishes it: `{"id":"...","label":"..."}`. */
export function labelBytes({ id, className }: Shape): number {
  return '{"id":"","label":""}'.length + id + className;
}

/** `headwater.served.<head>.<generation>.<key>`, and the same for `training`. */
export function subjectBytes(kind: 'served' | 'training', { headName }: Shape, generation = 1): number {
  return `headwater.${kind}....`.length - 1 + headName + String(generation).length + KEY_BYTES;
}

/** What one message takes in one copy of a stream's file. */
export function storedBytes(subject: number, payload: number, headers = 0): number {
  return STORE_BYTES + subject + payload + (headers === 0 ? 0 : STORE_HEADER_BYTES + headers);
}

/** A version's weights as an object: a header with the classes' names, one matrix and one vector of FP32, aligned to 8. */
export function modelBytes({ dimensions, classes, className, headName }: Shape): number {
  const header =
    JSON.stringify({
      kind: 'model',
      metadata: { head: '', generation: 1, backboneIdentity: '', dimensions, classes: [] },
      arrays: [
        { name: 'weights', type: 'f32', length: classes * dimensions },
        { name: 'bias', type: 'f32', length: classes },
      ],
    }).length +
    headName +
    IDENTITY_BYTES +
    classes * (className + 3) -
    (classes > 0 ? 1 : 0);
  return (
    align(16 + header) + align(FLOAT32 * classes * dimensions) + align(FLOAT32 * classes) + SNAPSHOT_FRAME_BYTES - 16
  );
}

function align(bytes: number): number {
  return 8 * Math.ceil(bytes / 8);
}

export const LEARNERS = ['sgd', 'slda', 'rls', 'refit'] as const;
export type LearnerName = (typeof LEARNERS)[number];
/** Matrices of [classes, dimensions] FP64; of refit also those of a fit under way. */
const MATRICES: Record<LearnerName, number> = { sgd: 4, slda: 2, rls: 1, refit: 5 + 4 };
const HELD_SAMPLES = 128;
const PENDING_UPDATES = 16;

/** What `learn.memory` counts for one learner of one head in the end. @param capacity embeddings of the refit's reservoir */
export function learnerStateBytes(name: LearnerName, dimensions: number, classes: number, capacity = 4096): number {
  const rows = Math.max(8, 2 ** Math.ceil(Math.log2(Math.max(1, classes))));
  const weights = MATRICES[name] * rows * dimensions * FLOAT64;
  if (name === 'sgd') return weights;
  if (name === 'refit') return weights + 2 * capacity * dimensions * FLOAT32;
  const triangle = (dimensions * (dimensions + 1)) / 2;
  return weights + (triangle + PENDING_UPDATES * dimensions) * FLOAT64 + HELD_SAMPLES * dimensions * FLOAT32;
}

/** Heads that have all of these learners within `learn.memory`. */
export function headsWithin(
  memoryBytes: number,
  learners: readonly LearnerName[],
  dimensions: number,
  classes: number,
): number {
  const head = learners.reduce((sum, name) => sum + learnerStateBytes(name, dimensions, classes), 0);
  return Math.floor(memoryBytes / head);
}

/**
 * Bytes between the nodes of NATS for one message that goes into a stream with copies: one to each other copy, and one on the way to the
 * stream's leader if the publisher is connected to another node.
 * @param away share of the publishers that are
 */
export function routedBytes(payload: number, subject: number, copies: number, away: number): number {
  return (copies - 1) * (payload + subject) + away * payload;
}

/** What NATS hands out to Headwater's processes. */
export interface Delivered {
  /** Messages that carry an embedding or weights. */
  readonly full: number;
  /** Messages that carry a subject or a few hundred bytes. */
  readonly small: number;
}

/** For one request: the record's acknowledgement, and its arrival (subject only) at every process that joins. */
export function deliveredForRequest({ join }: Processes): Delivered {
  return { full: 0, small: 1 + join };
}

/**
 * For one label that joins: the label and the acknowledgement of the entry (the acknowledgement of the label is not answered); the record, unless the process
 * that joins has served it; the entry at every process that teaches at least one head, whichever head it is of.
 * Left out is the question whether all heads are known, which labels that are handled at the same time share.
 * @param learn processes that teach a head
 * @param fetched share of the records that have to be asked for
 */
export function deliveredForLabel({ learn }: Pick<Processes, 'learn'>, fetched: number): Delivered {
  return { full: fetched + learn, small: 2 };
}

/** For one version, to one process that serves and has not learned it: description, chunks, pointer. */
export function deliveredForVersion(
  shape: Shape,
  pointer: number,
): { readonly messages: number; readonly bytes: number } {
  const weights = modelBytes(shape);
  const chunks = Math.ceil(weights / CHUNK_BYTES);
  return { messages: chunks + 2, bytes: weights + OBJECT_META_BYTES + pointer };
}

/** Versions a second of one head: `everySamples` or `interval` after a sample, whichever comes first. */
export function versionsPerSecond(labels: number, everySamples: number, intervalSeconds: number): number {
  if (labels === 0) return 0;
  return Math.max(labels / everySamples, 1 / (intervalSeconds + 1 / labels));
}

/** Seconds for which a stream holds records that come at this rate: after that labels find none. */
export function heldSeconds(streamBytes: number, recordStored: number, perSecond: number): number {
  return streamBytes / (recordStored * perSecond);
}
