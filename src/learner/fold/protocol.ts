import type { HeadDefinition, HeadStatistics, LearnerError } from '../types.js';
import type { SkipReason } from './head-fold.js';

/** One entry of a training log, as it is stored, with its place. */
export interface StoredEntry {
  readonly bytes: Uint8Array;
  readonly sequence: number;
}

export interface OpenResult {
  readonly statistics: HeadStatistics;
  /** Sequence of the last entry that is in the state. */
  readonly sequence: number;
}

export interface FoldResult {
  readonly statistics: HeadStatistics;
  /** Entries that were learned. */
  readonly folded: number;
  /** Entries that were in the state already. */
  readonly repeated: number;
  readonly skipped: Readonly<Partial<Record<SkipReason, number>>>;
  /** Sequence of the last entry folded, skipped ones included. */
  readonly lastSequence: number;
}

export interface SnapshotResult {
  /** For serving: see model-format.ts. */
  readonly model: Uint8Array<ArrayBuffer>;
  /** To continue from: see state-format.ts. */
  readonly state: Uint8Array<ArrayBuffer>;
  readonly statistics: HeadStatistics;
  readonly sequence: number;
}

/** What the worker thread is asked, and what it answers. */
export interface Calls {
  open: { arguments: { definition: HeadDefinition; state: Uint8Array | null }; result: OpenResult };
  fold: { arguments: { name: string; entries: readonly StoredEntry[] }; result: FoldResult };
  snapshot: { arguments: { name: string }; result: SnapshotResult };
  close: { arguments: { name: string }; result: null };
}

export type Method = keyof Calls;

export interface Request<M extends Method = Method> {
  readonly id: number;
  readonly method: M;
  readonly arguments: Calls[M]['arguments'];
}

export interface Failure {
  readonly message: string;
  /** Only for LearnerErrors. */
  readonly code?: LearnerError['code'] | undefined;
  readonly stack?: string | undefined;
}

export type Response =
  | { readonly id: number; readonly result: Calls[Method]['result'] }
  | { readonly id: number; readonly failure: Failure };
