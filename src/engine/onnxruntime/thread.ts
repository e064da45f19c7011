import { Worker } from 'node:worker_threads';
import type { EmbeddedBatch, Images } from '../backbone.js';
import { EngineError } from '../backbone.js';
import { reasonOf } from '../text.js';
import type { LoadedReply, LoadRequest, WorkerReply, WorkerRequest } from './messages.js';
import { layOut, type Slot, SlotPool } from './slots.js';

/** The server's batcher keeps two batches in flight; of a caller with more, the others are transferred. */
const slotsOfAThread = 2;

/** 222 images of 224 x 224. With two slots, at most 64 MiB stay with a backbone. */
const maxSlotBytes = 32 << 20;

interface Waiting {
  /** Lent until the worker has answered. */
  readonly slot: Slot | undefined;
  resolve(batch: EmbeddedBatch): void;
  reject(error: EngineError): void;
}

/**
 * One worker thread with one loaded model, seen from the main thread. When the thread dies, all that wait are rejected and `onDeath`
 * is told, once.
 */
export class EngineThread {
  readonly #worker: Worker;
  readonly #name: string;
  readonly #waiting = new Map<number, Waiting>();
  readonly #slots = new SlotPool(slotsOfAThread, maxSlotBytes);
  readonly #exited: Promise<void>;
  #nextId = 0;
  #answered = 0;
  #state: 'loading' | 'running' | 'closing' | 'dead' = 'loading';
  /** Why the thread is dead. */
  #reason = '';
  #onLoaded: ((reply: LoadedReply) => void) | undefined;
  #onLoadFailed: ((error: EngineError) => void) | undefined;
  #onClosed: (() => void) | undefined;

  private constructor(
    entry: URL,
    name: string,
    readonly onDeath: (reason: string) => void,
  ) {
    this.#name = name;
    this.#worker = new Worker(entry, { name: `headwater backbone ${name}` });
    this.#worker.on('message', (reply: WorkerReply) => this.#receive(reply));
    this.#worker.on('messageerror', (error) => this.#die(`a message was unreadable: ${reasonOf(error)}`));
    this.#worker.on('error', (error) => this.#die(reasonOf(error)));
    this.#exited = new Promise((resolve) => {
      this.#worker.on('exit', (code) => {
        if (this.#state !== 'closing') this.#die(`it ended with code ${code}`);
        this.#onClosed?.();
        resolve();
      });
    });
  }

  /** Number of calls answered so far, well or badly. */
  get answered(): number {
    return this.#answered;
  }

  /**
   * Starts the thread and loads the model, whose bytes are transferred.
   *
   * @throws EngineError model_unsupported when the model can't be loaded; run_failed when the thread dies meanwhile.
   */
  static async start(
    entry: URL,
    name: string,
    request: LoadRequest,
    onDeath: (reason: string) => void,
  ): Promise<{ thread: EngineThread; loaded: LoadedReply }> {
    const thread = new EngineThread(entry, name, onDeath);
    try {
      const loaded = await new Promise<LoadedReply>((resolve, reject) => {
        thread.#onLoaded = resolve;
        thread.#onLoadFailed = reject;
        thread.#post(request, [request.bytes.buffer]);
      });
      thread.#state = 'running';
      return { thread, loaded };
    } catch (error) {
      thread.#state = 'closing';
      await thread.#worker.terminate();
      throw error;
    }
  }

  /** @throws EngineError run_failed when the model fails on these images, or the thread dies. */
  run(items: readonly Images[]): Promise<EmbeddedBatch> {
    if (this.#state !== 'running') return Promise.reject(this.#deathError());
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      const laid = layOut(items, this.#slots);
      this.#waiting.set(id, { slot: laid.slot, resolve, reject });
      this.#post({ kind: 'run', id, items: laid.items }, laid.transfer);
    });
  }

  /** Lets what was asked before end, frees the model, ends the thread. */
  async close(): Promise<void> {
    if (this.#state === 'running') {
      await new Promise<void>((resolve) => {
        this.#onClosed = resolve;
        this.#post({ kind: 'close' }, []);
      });
      if (this.#state === 'running') this.#state = 'closing';
    }
    await this.#worker.terminate();
    await this.#exited;
  }

  #post(request: WorkerRequest, transfer: ArrayBuffer[]): void {
    this.#worker.postMessage(request, transfer);
  }

  #receive(reply: WorkerReply): void {
    switch (reply.kind) {
      case 'loaded':
        this.#onLoaded?.(reply);
        break;
      case 'load_failed':
        this.#onLoadFailed?.(new EngineError(reply.code, reply.message));
        break;
      case 'embedded':
        this.#take(reply.id)?.resolve({ embeddings: reply.embeddings, computeMs: reply.computeMs });
        break;
      case 'run_failed':
        this.#take(reply.id)?.reject(new EngineError('run_failed', `backbone ${this.#name}: ${reply.message}`));
        break;
      case 'closed':
        this.#onClosed?.();
        break;
    }
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (waiting?.slot !== undefined) this.#slots.giveBack(waiting.slot);
    this.#answered++;
    return waiting;
  }

  #die(reason: string): void {
    if (this.#state === 'dead' || this.#state === 'closing') return;
    const wasRunning = this.#state === 'running';
    this.#state = 'dead';
    this.#reason = reason;
    this.#onLoadFailed?.(this.#deathError());
    for (const waiting of this.#waiting.values()) waiting.reject(this.#deathError());
    this.#waiting.clear();
    if (wasRunning) this.onDeath(reason);
  }

  #deathError(): EngineError {
    return new EngineError(
      'run_failed',
      `backbone ${this.#name}: its ONNX Runtime thread has stopped (${this.#reason || 'closed'}); send the request again, and if that ` +
        'goes on, look into the log, give the process more memory or lower the batch size, and restart the service',
    );
  }
}
