import { checkClassName, checkRequestId, isHeadName, LABEL_SUBJECT_PREFIX } from '../names.js';
import type { DeadReason } from '../types.js';

/** Headers of an image label. */
export const LABEL_HEADER = 'Headwater-Label';
/** W3C trace context; only read while traces are on. */
export const TRACE_HEADER = 'traceparent';
export const ID_HEADER = 'Headwater-Id';

/** A JSON label beyond this is not parsed: an embedding of 16,384 values needs less. */
export const MAX_JSON_BYTES = 1 << 20;

/** A label as a source published it. `id` is empty when it has none; only samples may lack one. */
export type LabelMessage =
  | { readonly form: 'join'; readonly head: string; readonly id: string; readonly label: string }
  | {
      readonly form: 'embedding';
      readonly head: string;
      readonly id: string;
      readonly label: string;
      readonly embedding: Float32Array;
    }
  | {
      readonly form: 'image';
      readonly head: string;
      readonly id: string;
      readonly label: string;
      readonly image: Uint8Array;
    };

/** A label that can't be used, with the reason for its dead letter and a sentence for whoever reads it. */
export interface UnusableLabel {
  readonly form: 'unusable';
  readonly head: string;
  readonly reason: DeadReason;
  readonly detail: string;
}

/**
 * Reads a message of `headwater.label.<head>`: JSON `{"id", "label"}` (join), JSON `{"id"?, "embedding", "label"}`, or the
 * bytes of an image with the header Headwater-Label. Never throws.
 * @param header the value of a header, undefined when absent
 */
export function parseLabelMessage(
  subject: string,
  header: (name: string) => string | undefined,
  data: Uint8Array,
): LabelMessage | UnusableLabel {
  const head = headOfSubject(subject);
  if (!isHeadName(head)) return unusable(head, 'unknown_head', `'${shortened(head)}' is not a head's name`);
  const headerLabel = header(LABEL_HEADER);
  return headerLabel === undefined
    ? parseJsonLabel(head, data)
    : parseImageLabel(head, headerLabel, header(ID_HEADER) ?? '', data);
}

/** Subjects may have thousands of characters. */
function shortened(text: string): string {
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}

/** What follows `headwater.label.`: a head's name, if it is one. */
export function headOfSubject(subject: string): string {
  return subject.slice(LABEL_SUBJECT_PREFIX.length);
}

function unusable(head: string, reason: DeadReason, detail: string): UnusableLabel {
  return { form: 'unusable', head, reason, detail };
}

function parseImageLabel(
  head: string,
  labelText: string,
  idText: string,
  image: Uint8Array,
): LabelMessage | UnusableLabel {
  const label = checkClassName(labelText);
  if (!label.ok) return unusable(head, 'invalid', `header ${LABEL_HEADER}: ${label.problem}`);
  const id = idText === '' ? ({ ok: true, value: '' } as const) : checkRequestId(idText);
  if (!id.ok) return unusable(head, 'invalid', `header ${ID_HEADER}: ${id.problem}`);
  if (image.length === 0)
    return unusable(head, 'invalid', `a message with the header ${LABEL_HEADER} must carry an image`);
  return { form: 'image', head, id: id.value, label: label.value, image };
}

function parseJsonLabel(head: string, data: Uint8Array): LabelMessage | UnusableLabel {
  if (data.length > MAX_JSON_BYTES) {
    return unusable(head, 'too_large', `a JSON label of ${data.length} bytes; at most ${MAX_JSON_BYTES} are read`);
  }
  const fields = parseObject(data);
  if (fields === undefined) {
    const expected = 'JSON {"id": "...", "label": "..."}, or an image with the header Headwater-Label';
    return unusable(head, 'invalid', `the payload is neither: expected ${expected}`);
  }
  if (typeof fields.label !== 'string') return unusable(head, 'invalid', 'field "label" must be a string');
  const label = checkClassName(fields.label);
  if (!label.ok) return unusable(head, 'invalid', label.problem);
  const id = checkOptionalId(fields.id);
  if (!id.ok) return unusable(head, 'invalid', id.problem);
  if (fields.embedding !== undefined) {
    const embedding = parseEmbedding(fields.embedding);
    if (embedding === undefined) {
      return unusable(head, 'invalid', 'field "embedding" must be an array of finite numbers');
    }
    return { form: 'embedding', head, id: id.value, label: label.value, embedding };
  }
  if (id.value === '')
    return unusable(head, 'invalid', 'field "id" is missing: it names the request that was answered');
  return { form: 'join', head, id: id.value, label: label.value };
}

function parseObject(data: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function checkOptionalId(id: unknown) {
  if (id === undefined || id === null || id === '') return { ok: true, value: '' } as const;
  if (typeof id !== 'string') return { ok: false, problem: 'field "id" must be a string' } as const;
  return checkRequestId(id);
}

function parseEmbedding(value: unknown): Float32Array | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const embedding = new Float32Array(value.length);
  for (let i = 0; i < value.length; i++) {
    const number: unknown = value[i];
    if (typeof number !== 'number' || !Number.isFinite(Math.fround(number))) return undefined;
    embedding[i] = number;
  }
  return embedding;
}
