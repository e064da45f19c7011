import { Worker } from 'node:worker_threads';
import { type HeadDefinition, LearnerError } from '../types.js';
import type {
  Calls,
  FoldResult,
  Method,
  OpenResult,
  Request,
  Response,
  SnapshotResult,
  StateWish,
  StoredEntry,
} from './protocol.js';

export type { ActOutcome, FoldResult, OpenResult, SnapshotResult, StateWish, StoredEntry } from './protocol.js';

interface Pending {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/**
 * Folds many heads in one worker thread, and their refits in another. Calls for a head run one after the other, in the order they were made; one that
 * fails leaves the other heads alone, and one that waits for a refit does not hold them up. If the thread itself dies, every call that waits is rejected and all heads are closed; the next call
 * starts another thread, in which heads have to be opened again. An idle pool does not keep the process alive.
 */
export class FoldPool {
  private worker: Worker | undefined;
  private readonly pending = new Map<number, Pending>();
  private lastId = 0;
  private terminated = false;

  /** @param workerUrl The thread's entry file; another one is for tests. */
  constructor(private readonly workerUrl: URL = new URL('./worker.js', import.meta.url)) {}

  /**
   * Opens a head from a snapshot's state, or new (null); a head that is open already is opened anew.
   * @throws LearnerError snapshot_corrupt, invalid_argument.
   */
  open(definition: HeadDefinition, state: Uint8Array | null): Promise<OpenResult> {
    return this.call('open', { definition, state });
  }

  /**
   * Folds the next entries of the head's log. Their bytes (and attachments) may be moved to the thread: they must not be used afterwards.
   * @throws LearnerError log_mismatch for an entry that can't be read, or lacks its attachment (those before it are folded), head_unavailable.
   */
  fold(name: string, entries: readonly StoredEntry[]): Promise<FoldResult> {
    return this.call('fold', { name, entries }, ownBuffers(entries));
  }

  /** @param state whether the learners' state comes along: see `StateWish`. @throws LearnerError head_unavailable when the head is not open. */
  snapshot(name: string, { state = 'settled' }: { state?: StateWish } = {}): Promise<SnapshotResult> {
    return this.call('snapshot', { name, state });
  }

  /** Forgets a head; closing one that is not open does nothing. */
  async close(name: string): Promise<void> {
    if (this.worker !== undefined) await this.call('close', { name });
  }

  /** Ends the thread; calls that wait are rejected, and so is every later one. */
  async terminate(): Promise<void> {
    this.terminated = true;
    const { worker } = this;
    this.fail('learning was stopped');
    await worker?.terminate();
  }

  private call<M extends Method>(
    method: M,
    given: Calls[M]['arguments'],
    transfer: ArrayBuffer[] = [],
  ): Promise<Calls[M]['result']> {
    if (this.terminated) return Promise.reject(new LearnerError('head_unavailable', 'learning was stopped'));
    return new Promise((resolve, reject) => {
      this.worker ??= this.start();
      const { worker } = this;
      const id = ++this.lastId;
      const request: Request<M> = { id, method, arguments: given };
      worker.postMessage(request, transfer);
      this.pending.set(id, { resolve: resolve as (result: unknown) => void, reject });
      worker.ref();
    });
  }

  private start(): Worker {
    // Node's own options (such as --input-type) are about the parent's entry file.
    const worker = new Worker(this.workerUrl, { name: 'headwater-fold', execArgv: [] });
    worker.unref();
    worker.on('message', (response: Response) => this.settle(worker, response));
    const died = (reason: string) => {
      if (worker === this.worker)
        this.fail(`the learner's thread died (${reason}); heads go on from their last snapshots`);
    };
    worker.on('error', (error) => died(error.message));
    worker.on('exit', (code) => died(`exit status ${code}`));
    return worker;
  }

  private settle(worker: Worker, response: Response): void {
    const waiting = this.pending.get(response.id);
    this.pending.delete(response.id);
    if (this.pending.size === 0) worker.unref();
    if ('result' in response) waiting?.resolve(response.result);
    else waiting?.reject(errorOf(response.failure));
  }

  private fail(reason: string): void {
    this.worker = undefined;
    const waiting = [...this.pending.values()];
    this.pending.clear();
    for (const { reject } of waiting) reject(new LearnerError('head_unavailable', reason));
  }
}

function errorOf({ message, code, stack }: { message: string; code?: LearnerError['code']; stack?: string }): Error {
  if (code !== undefined) return new LearnerError(code, message);
  const error = new Error(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}

/** Buffers that hold one entry and nothing else are moved; a slice of a larger one (a Buffer of Node's pool, say) is copied. */
function ownBuffers(entries: readonly StoredEntry[]): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const bytes of entries.flatMap((entry) =>
    entry.attachment ? [entry.bytes, entry.attachment] : [entry.bytes],
  )) {
    const { buffer } = bytes;
    if (buffer instanceof ArrayBuffer && bytes.byteLength === buffer.byteLength) buffers.add(buffer);
  }
  return [...buffers];
}
