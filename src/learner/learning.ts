import type { LearningTracer } from './tracing.js';
import type {
  CandidateName,
  DeadReason,
  HeadDefinition,
  HeadStatistics,
  HeadVersion,
  LabelResult,
  LearnerKind,
  LearnerOptions,
  ServingHead,
} from './types.js';

/** A head to create; the registry adds generation, identity and dimensions. */
export interface HeadRequest {
  readonly name: string;
  readonly backbone: string;
  readonly backboneIdentity: string;
  readonly dimensions: number;
  readonly classes: 'open' | readonly string[];
  readonly maxClasses: number;
  readonly learner: LearnerOptions;
}

/** What this process knows about a head right now. */
export interface HeadStatus {
  readonly definition: HeadDefinition;
  /** `ready`, `loading`, or a sentence that says why the head cannot be served or taught. */
  readonly state: string;
  /** 0: nothing learned yet. */
  readonly latestVersion: number;
  readonly servingVersion: number;
  readonly pinned: boolean;
  /** Newest first: those that can still be served. */
  readonly versions: readonly HeadVersion[];
  /**
   * Of the live learner when it runs in this process, else of the newest snapshot: then a head of many classes has the most frequent ones here, and not all
   * aliases; `Heads.statistics` has all.
   */
  readonly statistics: HeadStatistics;
  /** All classes, those that `statistics` lacks included. */
  readonly classCount: number;
  /** Samples in the log that are not folded yet; undefined when the learner runs elsewhere. */
  readonly lag: number | undefined;
  /** Age of the newest snapshot's creation; undefined when there is none. */
  readonly snapshotCreatedAtMs: number | undefined;
  readonly snapshotSequence: number;
  /** Position of the log up to which the learner of this process has learned; undefined when it teaches the head not. */
  readonly learnedSequence?: number | undefined;
  /** Which process teaches it: this one, another one, or none right now. */
  readonly taughtBy: 'here' | 'elsewhere' | 'nobody';
  /** Samples whose fold waited for a refit, and for how long in all, since this process began to teach the head; undefined when it does not. */
  readonly waits: { readonly count: number; readonly seconds: number } | undefined;
  /** Entries of the log up to this one were removed: a replay can begin after it, from a stored state. 0: the log is whole. */
  readonly compactedTo: number;
}

/** What changes a head at a position of its log. */
export type HeadAct =
  | { readonly kind: 'delete_class'; readonly name: string }
  | { readonly kind: 'rename_class'; readonly from: string; readonly to: string }
  | { readonly kind: 'set_learners'; readonly learners: readonly LearnerKind[] }
  /** null: the scores decide again. */
  | { readonly kind: 'promote'; readonly candidate: CandidateName | null };

/** A head's weights with what is needed to use them elsewhere. */
export interface ExportedHead {
  readonly version: number;
  /** A safetensors file: see heads/files/safetensors.ts for what is in it. */
  readonly bytes: Uint8Array;
}

/** What has to be asked of NATS: exact, and too costly for every scrape. */
export interface HeadProgress {
  /** Labels stored, but neither in the training log nor dead-lettered. */
  readonly labelsWaiting: number;
  /** Sequence of the newest entry of this head's log; 0: none. */
  readonly logSequence: number;
}

/** Heads by name. Reads never wait: they see the registry as it was last heard of from NATS. */
export interface Heads {
  /** False until the first full view came from NATS. */
  readonly loaded: boolean;
  /** By name, in byte order. */
  list(): readonly HeadStatus[];
  status(name: string): HeadStatus | undefined;
  /** The status's statistics with all classes and aliases. @throws LearnerError head_unknown, nats_unavailable when it must be asked for them. */
  statistics(name: string): Promise<HeadStatistics>;
  /**
   * The version to answer from. @throws LearnerError head_unknown, head_unavailable (still loading, backbone mismatch).
   */
  serving(name: string): ServingHead;
  /** A version that is named: loaded on demand, cached. @throws LearnerError head_unknown, version_unknown, nats_unavailable. */
  version(name: string, version: number): Promise<ServingHead>;
  /** @throws LearnerError head_exists, invalid_argument, nats_unavailable. */
  create(request: HeadRequest): Promise<HeadStatus>;
  /**
   * Ends the generation: its log, versions and pointers are removed.
   * @param seenVersion a version that the caller has seen: from the oldest that is still listed to the newest; 0 only while there is none. It
   * keeps who means another head of that name, or a state long past, from deleting this one
   * @throws LearnerError head_unknown, version_mismatch, nats_unavailable.
   */
  delete(name: string, seenVersion: number): Promise<void>;
  /**
   * Appends an act to the head's log.
   * @returns its position: it has happened once `snapshotSequence` is not below
   * @throws LearnerError head_unknown, class_unknown, invalid_argument, nats_unavailable.
   */
  act(name: string, act: HeadAct): Promise<number>;
  /**
   * @param version 0: the one being served
   * @param embedding how an image becomes an embedding, as a JSON object: it goes into the file, for who uses it elsewhere
   * @throws LearnerError head_unknown, version_unknown, nats_unavailable.
   */
  export(name: string, version: number, embedding?: string): Promise<ExportedHead>;
  /**
   * Creates a head that begins with the weights of an exported one, as its candidate `imported`.
   * @param embedding as for `export`, of the new head's backbone: what differs is told when the file is of another one
   * @throws LearnerError as `create`; invalid_argument when the bytes are no head, or of another backbone or other dimensions.
   */
  import(request: HeadRequest, bytes: Uint8Array, embedding?: string): Promise<HeadStatus>;
  /** Pins `version` as the one served; 0 releases the pin. @throws LearnerError head_unknown, version_unknown, nats_unavailable. */
  rollback(name: string, version: number): Promise<HeadStatus>;
  /** @throws LearnerError head_unknown, nats_unavailable. */
  progress(name: string): Promise<HeadProgress>;
}

/** One answered image. */
export interface ServedItem {
  /** The id that a label will name (`id`, or `id/<index>`). */
  readonly id: string;
  /** Class name as answered; empty when the head had learned nothing. */
  readonly predicted: string;
  readonly embedding: Float32Array;
}

/** A label as a client gives it. Exactly one of: id alone (join), embedding, image. */
export interface LabelInput {
  readonly id: string;
  readonly label: string;
  readonly embedding?: readonly number[] | undefined;
  readonly image?: Uint8Array | undefined;
}

/** A bounded buffer of this process: full means that something is refused or given up. */
export interface QueueDepth {
  readonly name: string;
  readonly depth: number;
  readonly limit: number;
}

/** Learning as the server sees it: served records out, labels in, heads to answer from. */
export interface Learning {
  readonly heads: Heads;
  /** Whether the connection to NATS is up and set up. */
  readonly connected: boolean;
  /** Why it is not, for readiness and errors; undefined while it is. */
  readonly problem: string | undefined;
  /**
   * Stores what was answered. Resolves, never rejects: true when every record is acknowledged (`durable`: within 50 ms, else
   * false; `async`: true once handed over; false at once while NATS is away or the buffer is full).
   */
  recordServed(head: ServingHead, items: readonly ServedItem[]): Promise<boolean>;
  /**
   * Puts labels into the label stream. All are checked before any is stored. Resolves with their stream positions.
   * @param traceparent goes with them as a header
   * @throws LearnerError head_unknown, invalid_argument, label_too_large, labels_full, nats_unavailable.
   */
  publishLabels(head: string, labels: readonly LabelInput[], traceparent?: string): Promise<number[]>;
  /** Labels of this process's joiner by head and result, since it started. */
  labelResults(head: string): Readonly<Partial<Record<LabelResult, number>>>;
  /** The learner's bounded buffers. */
  queues(): readonly QueueDepth[];
  /** Stops taking work, writes snapshots, stops the embedded nats-server. */
  close(): Promise<void>;
}

/** Turns an image label into an embedding; only processes with the role `serve` can. */
export interface ImageEmbedder {
  readonly backbone: string;
  /** @throws an Error with `code === 'undecodable_image'` when the image itself is at fault; anything else is retried. */
  embed(image: Uint8Array): Promise<EmbeddedImage>;
}

/** An embedding, and the identity of the backbone that made it: another one may take its place while the process runs. */
export interface EmbeddedImage {
  readonly embedding: Float32Array;
  readonly backboneIdentity: string;
}

/** What happened, told once: the metrics module is the listener. */
export interface LearningObserver {
  labelResult(head: string, result: LabelResult): void;
  deadLetter(head: string, reason: DeadReason): void;
  /** From the answer to the arrival of its label, in seconds. */
  labelDelay(head: string, seconds: number): void;
  connected(up: boolean): void;
  /** Something was given up under pressure: `served_record`, `parked_label`, ... */
  dropped(what: string): void;
  /** Only while traces are on. */
  readonly tracer?: LearningTracer | undefined;
  /** One line for the log. */
  log(level: 'info' | 'warn' | 'error', message: string, fields?: Record<string, unknown>): void;
}
