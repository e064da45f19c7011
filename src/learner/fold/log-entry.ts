import { LearnerError } from '../types.js';
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

/** What a training log holds; acts that change a head become further kinds. */
export type LogEntry = { readonly kind: 'sample'; readonly sample: Sample };

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

/**
 * Reads one entry of a training log. The embedding may be a view on `bytes`.
 * @throws LearnerError log_mismatch for bytes that are no entry, and for an entry of a kind that this version does not
 * know: a fold that skipped it would end in another state than the one that wrote it.
 */
export function decodeEntry(bytes: Uint8Array): LogEntry {
  let raw: { sample?: RawSample | null };
  try {
    raw = storageType('LogEntry').decode(bytes) as unknown as { sample?: RawSample | null };
  } catch (error) {
    throw new LearnerError(
      'log_mismatch',
      `the training log holds bytes that are no entry: ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
  const sample = raw.sample;
  const form = forms[sample?.form ?? 0];
  if (!sample || !form) {
    throw new LearnerError(
      'log_mismatch',
      'the training log holds an entry of a kind unknown to this version of Headwater: run the version that wrote it, or a newer one',
    );
  }
  return {
    kind: 'sample',
    sample: {
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
    },
  };
}

/** An absent bytes field is an empty plain array in protobufjs. */
function toBytes(value: Uint8Array | readonly never[]): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array(0);
}
