import type { ActResponse__Output, Head__Output } from '../../protos/index.js';
import type { Caller } from './call-settings.js';
import { asHeadwaterError } from './errors.js';
import { wasNotDone } from './grpc-errors.js';
import type { Limits, RunningLimits } from './limits.js';
import type { ServiceCalls } from './service-calls.js';

/** A head's definition. */
export interface HeadDefinition {
  readonly name: string;
  readonly backbone: string;
  /** Missing or empty: open, classes appear with the labels. */
  readonly classes?: readonly string[] | undefined;
  /** Of an open head; missing: the server's default. */
  readonly maxClasses?: number | undefined;
  /** `sgd`, `slda`, `rls`, `refit`, `blend`; missing: `auto`. */
  readonly serve?: string | undefined;
  /** Missing: all, as the server's memory allows. */
  readonly train?: readonly string[] | undefined;
}

/** Calls about heads. Those that change something need a token with the scope `admin`, where the server asks for tokens. */
export class HeadCalls {
  constructor(
    private readonly calls: ServiceCalls,
    private readonly caller: Caller,
  ) {}

  /** Heads as the answering process knows them. */
  list(limits: Limits = {}): Promise<readonly Head__Output[]> {
    return this.caller.run(limits, (running) => this.calls.listHeads(once(running)));
  }

  /** The exact state of one head, asked of NATS. */
  get(name: string, limits: Limits = {}): Promise<Head__Output> {
    return this.caller.run(limits, (running) => this.calls.getHead(name, once(running)));
  }

  /**
   * The head's state now and then every interval, until the reader leaves the loop, the signal is aborted, or the head is deleted.
   * Not tried again: it may end any time anyway.
   */
  async *watch(
    name: string,
    { intervalMs = 1000, signal }: { readonly intervalMs?: number; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<Head__Output, void, void> {
    signal?.throwIfAborted();
    const call = this.calls.watchHead(name, intervalMs);
    const cancel = () => call.cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      for await (const head of call) yield head as Head__Output;
    } catch (error) {
      throw signal?.aborted ? signal.reason : asHeadwaterError(error);
    } finally {
      signal?.removeEventListener('abort', cancel);
      call.cancel();
    }
  }

  create({ classes = [], maxClasses = 0, serve = '', train = [], ...named }: HeadDefinition, limits: Limits = {}) {
    const head = { ...named, classes, maxClasses, serve, train };
    return this.#change(limits, (running) => this.calls.createHead(head, once(running)));
  }

  /** @param seenVersion a version of the head that the caller has seen, 0 for one that has none: another head of that name is not deleted */
  delete(name: string, seenVersion: number, limits: Limits = {}): Promise<void> {
    return this.#change(limits, (running) => this.calls.deleteHead(name, seenVersion, once(running)));
  }

  /** Serves an older version and pins it. @param version 0 releases the pin */
  rollback(name: string, version: number, limits: Limits = {}): Promise<Head__Output> {
    return this.#change(limits, (running) => this.calls.rollbackHead(name, version, once(running)));
  }

  /** Lets one candidate serve whatever the scores say. @param candidate `auto`: the scores decide again */
  promote(name: string, candidate: string, limits: Limits = {}): Promise<ActResponse__Output> {
    return this.#change(limits, (running) => this.calls.promoteHead(name, candidate, once(running)));
  }

  #change<T>(limits: Limits, attempt: (running: RunningLimits) => Promise<T>): Promise<T> {
    return this.caller.run(limits, attempt, wasNotDone);
  }
}

function once({ signal, remainingMs }: RunningLimits): Limits {
  return { signal, timeoutMs: remainingMs() };
}
