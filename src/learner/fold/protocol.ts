import type { DriftEvent, HeadDefinition, HeadStatistics, LearnerError, Promotion } from '../types.js';
import type { ActSkipReason } from './acts.js';
import type { LoggedAct } from './log-entry.js';
import type { SkipReason } from './skip-reason.js';

/** One entry of a training log, as it is stored, with its place. */
export interface StoredEntry {
  readonly bytes: Uint8Array;
  readonly sequence: number;
  /** The object that the entry names (`attachmentOf` in log-entry.ts says which): without it the entry can't be folded. */
  readonly attachment?: Uint8Array | undefined;
}

export interface OpenResult {
  readonly statistics: HeadStatistics;
  /** Sequence of the last entry that is in the state. */
  readonly sequence: number;
}

/** What became of an act. */
export interface ActOutcome {
  readonly sequence: number;
  readonly act: LoggedAct;
  /** Why it changed nothing; undefined: it is done. */
  readonly skipped?: ActSkipReason | undefined;
}

export interface FoldResult {
  readonly statistics: HeadStatistics;
  /** Samples that were learned. */
  readonly folded: number;
  /** Entries that were in the state already. */
  readonly repeated: number;
  /** Samples that could not be learned. */
  readonly skipped: Readonly<Partial<Record<SkipReason, number>>>;
  /** In the order of the log. */
  readonly acts: readonly ActOutcome[];
  readonly promotions: readonly Promotion[];
  readonly drift: readonly DriftEvent[];
  /** Entries whose fold waited for a refit, and for how long in all. */
  readonly waits: { readonly count: number; readonly seconds: number };
  /** Sequence of the last entry folded, skipped ones included. */
  readonly lastSequence: number;
}

/**
 * Whether a snapshot takes the learners' state along, which is large, and only whole while no refit runs: `no`; `if-settled`: when none runs right now;
 * `settled`: waits until none runs.
 */
export type StateWish = 'no' | 'if-settled' | 'settled';

export interface SnapshotResult {
  /** For serving: see model-format.ts. */
  readonly model: Uint8Array<ArrayBuffer>;
  /** To continue from: see state-format.ts. null: not wished for, or a refit runs. */
  readonly state: Uint8Array<ArrayBuffer> | null;
  readonly statistics: HeadStatistics;
  readonly sequence: number;
}

/** What the worker thread is asked, and what it answers. */
export interface Calls {
  open: { arguments: { definition: HeadDefinition; state: Uint8Array | null }; result: OpenResult };
  fold: { arguments: { name: string; entries: readonly StoredEntry[] }; result: FoldResult };
  snapshot: { arguments: { name: string; state: StateWish }; result: SnapshotResult };
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
