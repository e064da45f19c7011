import type { HeadAct } from '../learning.js';
import { type CandidateName, candidateNames, LearnerError, type LearnerKind, learnerKinds } from '../types.js';
import { embeddingFromBytes, embeddingToBytes } from './embedding-bytes.js';
import { storageType, toNumber } from './storage-schema.js';

/** How a sample's label came: by the id of an answer, with an embedding, or with an image. Indices are the enum's numbers. */
const forms = ['join', 'embedding', 'image'] as const;
export type SampleForm = (typeof forms)[number];

/** The prediction that a joined label judges. */
export interface SampleServed {
  readonly version: number;
  /** Class name as answered; empty when the head had learned nothing. */
  readonly predicted: string;
  readonly servedAtMs: number;
}

/** An embedding and its label, as the training log keeps them. */
export interface Sample {
  /** Empty: the sample is identified by its origin. */
  readonly id: string;
  /** Class name, Unicode NFC. */
  readonly label: string;
  readonly embedding: Float32Array;
  readonly backboneIdentity: string;
  /** Position of the label in HEADWATER_LABELS: tells an own retry (same position) from a duplicate. */
  readonly origin: { readonly streamCreated: string; readonly sequence: number };
  /** Only for joined samples. */
  readonly served?: SampleServed | undefined;
  readonly form: SampleForm;
  /** Unix time at which the label entered the label stream. */
  readonly labelledAtMs: number;
}

/** What an act does; `import_model` is what importing a head writes. */
export type LoggedAct =
  | HeadAct
  /** sha256 (hex) of the model's bytes, which the fold is given with the entry. */
  | { readonly kind: 'import_model'; readonly digest: string };

/** What changes a head but teaches nothing. */
export interface Act {
  /** UUID. */
  readonly id: string;
  /** Unix time. */
  readonly atMs: number;
  readonly change: LoggedAct;
}

/** What a training log holds. */
export type LogEntry =
  | { readonly kind: 'sample'; readonly sample: Sample }
  | { readonly kind: 'act'; readonly act: Act };

/** The bytes of a LogEntry that holds this sample. */
export function encodeSample(sample: Sample): Uint8Array {
  const { form, embedding, ...rest } = sample;
  return storageType('LogEntry')
    .encode({ sample: { ...rest, embedding: embeddingToBytes(embedding), form: forms.indexOf(form) } } as object)
    .finish();
}

interface RawSample {
  id: string;
  label: string;
  embedding: Uint8Array | readonly never[];
  backboneIdentity: string;
  origin: { streamCreated: string; sequence: unknown } | null;
  served: { version: unknown; predicted: string; servedAtMs: number } | null;
  form: number;
  labelledAtMs: number;
}

/** The bytes of a LogEntry that holds this act. */
export function encodeAct({ id, atMs, change }: Act): Uint8Array {
  return storageType('LogEntry')
    .encode({ act: { id, atMs, ...rawChange(change) } } as object)
    .finish();
}

function rawChange(change: LoggedAct): object {
  switch (change.kind) {
    case 'delete_class':
      return { deleteClass: { name: change.name } };
    case 'rename_class':
      return { renameClass: { from: change.from, to: change.to } };
    case 'set_learners':
      return { setLearners: { learners: [...change.learners] } };
    case 'promote':
      return { promote: { candidate: change.candidate ?? '' } };
    case 'import_model':
      return { importModel: { digest: change.digest } };
  }
}

interface RawAct {
  id: string;
  atMs: number;
  deleteClass?: { name: string } | null;
  renameClass?: { from: string; to: string } | null;
  setLearners?: { learners: string[] } | null;
  promote?: { candidate: string } | null;
  importModel?: { digest: string } | null;
}

/**
 * Reads one entry of a training log. The embedding may be a view on `bytes`.
 * @throws LearnerError log_mismatch for bytes that are no entry, and for an entry of a kind that this version does not
 * know: a fold that skipped it would end in another state than the one that wrote it.
 */
export function decodeEntry(bytes: Uint8Array): LogEntry {
  let raw: { sample?: RawSample | null; act?: RawAct | null };
  try {
    raw = storageType('LogEntry').decode(bytes) as unknown as typeof raw;
  } catch (error) {
    const problem = `the training log holds bytes that are no entry: ${(error as Error).message}`;
    throw new LearnerError('log_mismatch', problem, { cause: error });
  }
  if (raw.sample) return { kind: 'sample', sample: sampleOf(raw.sample) };
  if (raw.act) return { kind: 'act', act: { id: raw.act.id, atMs: raw.act.atMs, change: changeOf(raw.act) } };
  throw unknownKind();
}

/** The digest of the object that must be given to the fold with this entry; undefined: none. @throws as decodeEntry. */
export function attachmentOf(bytes: Uint8Array): string | undefined {
  // Samples are nearly all there is, and are told by their first byte: field 1.
  if (bytes[0] === ((1 << 3) | 2)) return undefined;
  const entry = decodeEntry(bytes);
  return entry.kind === 'act' && entry.act.change.kind === 'import_model' ? entry.act.change.digest : undefined;
}

function sampleOf(sample: RawSample): Sample {
  const form = forms[sample.form];
  if (!form) throw unknownKind();
  return {
    id: sample.id,
    label: sample.label,
    embedding: embeddingFromBytes(toBytes(sample.embedding)),
    backboneIdentity: sample.backboneIdentity,
    origin: {
      streamCreated: sample.origin?.streamCreated ?? '',
      sequence: toNumber(sample.origin?.sequence ?? 0),
    },
    served: sample.served
      ? {
          version: toNumber(sample.served.version),
          predicted: sample.served.predicted,
          servedAtMs: sample.served.servedAtMs,
        }
      : undefined,
    form,
    labelledAtMs: sample.labelledAtMs,
  };
}

function changeOf(act: RawAct): LoggedAct {
  if (act.deleteClass) return { kind: 'delete_class', name: act.deleteClass.name };
  if (act.renameClass) return { kind: 'rename_class', from: act.renameClass.from, to: act.renameClass.to };
  if (act.importModel) return { kind: 'import_model', digest: act.importModel.digest };
  if (act.setLearners?.learners.every(isLearnerKind)) {
    return { kind: 'set_learners', learners: act.setLearners.learners as LearnerKind[] };
  }
  const candidate = act.promote?.candidate;
  if (candidate !== undefined && (candidate === '' || isCandidateName(candidate))) {
    return { kind: 'promote', candidate: candidate === '' ? null : candidate };
  }
  throw unknownKind();
}

function isLearnerKind(name: string): name is LearnerKind {
  return learnerKinds.some((kind) => kind === name);
}

function isCandidateName(name: string): name is CandidateName {
  return candidateNames.some((candidate) => candidate === name);
}

function unknownKind(): LearnerError {
  return new LearnerError(
    'log_mismatch',
    'the training log holds an entry of a kind unknown to this version of Headwater: run the version that wrote it, or a newer one',
  );
}

/** An absent bytes field is an empty plain array in protobufjs. */
function toBytes(value: Uint8Array | readonly never[]): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array(0);
}
