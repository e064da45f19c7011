import { createHash } from 'node:crypto';

/** Names of heads and backbones: safe as a subject token, a key and a metric label. */
const HEAD_NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const CONTROL_CHARACTER = /\p{Cc}/u;

export const MAX_ID_BYTES = 256;
export const MAX_CLASS_NAME_CHARACTERS = 128;

/** A value that was checked, or what is wrong with it. */
export type Checked = { readonly ok: true; readonly value: string } | { readonly ok: false; readonly problem: string };

export function isHeadName(name: string): boolean {
  return HEAD_NAME.test(name);
}

/** Class names: Unicode NFC, 1 to 128 characters (code points), no control characters. The value is the NFC form. */
export function checkClassName(text: string): Checked {
  if (!text.isWellFormed()) return { ok: false, problem: 'the label is not valid Unicode' };
  const value = text.normalize('NFC');
  const characters = [...value].length;
  if (characters === 0) return { ok: false, problem: 'the label is empty' };
  if (characters > MAX_CLASS_NAME_CHARACTERS) {
    return {
      ok: false,
      problem: `the label has ${characters} characters, at most ${MAX_CLASS_NAME_CHARACTERS} are allowed`,
    };
  }
  if (CONTROL_CHARACTER.test(value)) return { ok: false, problem: 'the label has control characters' };
  return { ok: true, value };
}

/** Request ids: 1 to 256 bytes of UTF-8, no control characters. They are compared as they are, without normalising. */
export function checkRequestId(id: string): Checked {
  if (!id.isWellFormed()) return { ok: false, problem: 'the id is not valid Unicode' };
  const bytes = Buffer.byteLength(id, 'utf8');
  if (bytes === 0) return { ok: false, problem: 'the id is empty' };
  if (bytes > MAX_ID_BYTES)
    return { ok: false, problem: `the id has ${bytes} bytes, at most ${MAX_ID_BYTES} are allowed` };
  if (CONTROL_CHARACTER.test(id)) return { ok: false, problem: 'the id has control characters' };
  return { ok: true, value: id };
}

/**
 * The form in which user text enters a subject, a key or an object name: the first 22 characters (132 bits) of
 * base64url(sha256(text)), since raw text could forge protocol lines or wildcards.
 */
export function messageKey(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('base64url').slice(0, 22);
}

/** Where a label stands in the label stream: its identity when it has no id, and what tells a retry from a duplicate. */
export interface LabelOrigin {
  readonly streamCreated: string;
  readonly sequence: number;
  /** Unix time at which it entered the stream. Part of the position, since a nats-server that was killed may count a queue anew from 0. */
  readonly atMs: number;
}

/** What a sample is deduplicated by. Ids cannot hold control characters, so a position never collides with one. */
export function sampleIdentity(id: string, origin: LabelOrigin): string {
  return id === '' ? `\u0000position\u0000${origin.streamCreated}\u0000${origin.sequence}\u0000${origin.atMs}` : id;
}

/** What an act is deduplicated by: it collides with no sample. */
export function actIdentity(actId: string): string {
  return `\u0000act\u0000${actId}`;
}

export const LABEL_SUBJECT_PREFIX = 'headwater.label.';

export const subjects = {
  label: (head: string) => `${LABEL_SUBJECT_PREFIX}${head}`,
  dead: (head: string) => `headwater.dead.${isHeadName(head) ? head : messageKey(head)}`,
  parked: (head: string) => `headwater.parked.${head}`,
  embed: (backbone: string, head: string) => `headwater.embed.${backbone}.${head}`,
  embedOfBackbone: (backbone: string) => `headwater.embed.${backbone}.*`,
  served: (head: string, generation: number, key: string) => `headwater.served.${head}.${generation}.${key}`,
  training: (head: string, generation: number, key: string) => `headwater.training.${head}.${generation}.${key}`,
  /** Of entries that were removed from the training log: the last token is that of their subject there. */
  removedId: (head: string, generation: number, key: string) => `headwater.ids.${head}.${generation}.${key}`,
  removedIdsOfHead: (head: string, generation: number) => `headwater.ids.${head}.${generation}.*`,
  trainingOfHead: (head: string, generation: number) => `headwater.training.${head}.${generation}.*`,
} as const;
