// The backbones of this process: which are loaded, and how one takes the place of another while requests run.
import type { Backbone } from '../../engine/index.js';
import type { Batcher } from '../batching/batcher.js';
import type { BackboneConfig } from '../config/index.js';
import { listSome, printable, quote, StatusError, toStatusError } from '../errors.js';
import { warmUp } from '../start/warm-up.js';
import { Serial } from './serial.js';
import { StatisticsBook } from './statistics-book.js';

/** Triton's words for a model's state. */
export type ModelState = 'READY' | 'LOADING' | 'UNLOADING' | 'UNAVAILABLE';

export interface StateWithReason {
  readonly state: ModelState;
  /** Empty where nothing is to be said. For anybody who may use the model: it names no file and no other model. */
  readonly reason: string;
  /** The reason in full: for its administrators. */
  readonly detail: string;
}

/** What is to be said of a slot's state, to whom. */
type Reason = Pick<StateWithReason, 'reason' | 'detail'>;

const plain = (reason: string): Reason => ({ reason, detail: reason });

export interface RegistryParts {
  /** @param model the path of the ONNX file. @throws EngineError. */
  readonly open: (entry: BackboneConfig, model: string, signal: AbortSignal | undefined) => Promise<Backbone>;
  /** Puts a batcher in front of a backbone. */
  readonly front: (backbone: Backbone, entry: BackboneConfig) => Batcher;
  readonly batching: (entry: BackboneConfig) => Batching;
  readonly log: (line: string, level?: 'info' | 'warn') => void;
}

export interface Batching {
  /** Images a batch, at most. */
  readonly batchSize: number;
  /** How long an idle backbone waits for a batch to fill. */
  readonly waitMs: number;
}

export interface LoadRequest {
  /** Path of an ONNX file; undefined: the configured one. */
  readonly model?: string | undefined;
  /** Aborted before the switch, the load is given up. */
  readonly signal: AbortSignal;
  /** Asked between loading and switching, at once: what it throws refuses the new one. `before` ran here last. */
  readonly accept: (before: Backbone, after: Backbone) => void;
}

interface Slot {
  readonly entry: BackboneConfig;
  readonly serial: Serial;
  /** The one that is loaded, or was last. */
  last: Backbone;
  model: string;
  /** What is being done to it. */
  doing: 'LOADING' | 'UNLOADING' | undefined;
  /** Why it is not loaded, or why the last load failed. */
  reason: Reason;
  /** All that were taken out of service, answering what they had accepted. Never rejects. */
  retiring: Promise<unknown>;
}

export class BackboneRegistry {
  readonly statistics: StatisticsBook;
  private readonly batchers = new Map<string, Batcher>();
  private readonly slots = new Map<string, Slot>();
  private readonly closing = new AbortController();

  constructor(
    private readonly parts: RegistryParts,
    statistics = new StatisticsBook(),
  ) {
    this.statistics = statistics;
  }

  /** Those that take requests, by name: always the current ones. Who holds one across an `await` may hold a replaced one. */
  get loaded(): ReadonlyMap<string, Batcher> {
    return this.batchers;
  }

  /** Names of all that are configured, loaded or not. */
  names(): string[] {
    return [...this.slots.keys()];
  }

  isConfigured(name: string): boolean {
    return this.slots.has(name);
  }

  /**
   * Loads a configured backbone for the first time.
   * @throws EngineError when it can't be loaded; the signal's reason when it ended loading
   */
  async start(entry: BackboneConfig, signal?: AbortSignal): Promise<void> {
    const { name, model } = entry;
    const backbone = await this.parts.open(entry, model, signal);
    const idle = { doing: undefined, reason: plain(''), retiring: Promise.resolve() };
    this.slots.set(name, { entry, serial: new Serial(name), last: backbone, model, ...idle });
    this.batchers.set(name, this.parts.front(backbone, entry));
    signal?.throwIfAborted();
  }

  /**
   * Loads a backbone next to the running one, warms it up and puts it in its place. Requests that come are the new one's from then on;
   * what the old one had accepted it answers, and is freed then. When anything fails the old one stays.
   * @throws StatusError model_unknown, requests_full, cancelled, draining; EngineError; whatever `accept` throws
   */
  load(name: string, { model, signal, accept }: LoadRequest): Promise<void> {
    const slot = this.need(name);
    const given = AbortSignal.any([signal, this.closing.signal]);
    return slot.serial.run(given, async () => {
      slot.doing = 'LOADING';
      try {
        // At most two of it are in memory at once.
        await slot.retiring;
        await this.replace(slot, model ?? slot.entry.model, given, accept);
      } catch (error) {
        if (given.aborted) throw this.givenUp(name, error);
        const reason = 'the last load failed';
        slot.reason = { reason, detail: printable(`${reason}: ${toStatusError(error).message}`) };
        this.parts.log(`backbone ${name}: not loaded: ${(error as Error).message}`, 'warn');
        throw error;
      } finally {
        slot.doing = undefined;
      }
    });
  }

  /**
   * Takes a backbone out of service. Resolves when what it had accepted is answered and its memory is free; nothing happens to one that is not loaded.
   * @throws StatusError model_unknown, requests_full, cancelled
   */
  unload(name: string, signal: AbortSignal): Promise<void> {
    const slot = this.need(name);
    return slot.serial.run(signal, async () => {
      const batcher = this.batchers.get(name);
      if (batcher === undefined) {
        await slot.retiring;
        return;
      }
      slot.doing = 'UNLOADING';
      this.batchers.delete(name);
      slot.reason = plain('unloaded');
      this.parts.log(`backbone ${name}: unloaded (identity ${short(batcher.backbone)})`);
      // The one before it may still answer, too.
      slot.retiring = Promise.all([slot.retiring, this.retire(batcher)]);
      await slot.retiring;
      slot.doing = undefined;
    });
  }

  /** @throws StatusError model_unknown when it is not configured. */
  state(name: string): StateWithReason {
    const { doing, reason } = this.need(name);
    if (this.batchers.has(name)) {
      return { state: 'READY', ...(doing === 'LOADING' ? plain('being replaced') : reason) };
    }
    return { state: doing ?? 'UNAVAILABLE', ...(doing === 'LOADING' ? plain('') : reason) };
  }

  /** The configured entry, and the file that was loaded. */
  describe(name: string): { readonly entry: BackboneConfig; readonly model: string } {
    return this.need(name);
  }

  batching(name: string): Batching {
    return this.parts.batching(this.need(name).entry);
  }

  /** Why a configured backbone takes no requests; undefined when it does, or is not configured. */
  unavailable(name: string): StatusError | undefined {
    if (this.batchers.has(name) || !this.slots.has(name)) return undefined;
    const { reason } = this.state(name);
    const why = reason === '' ? 'it is being loaded' : reason;
    return new StatusError('model_unloaded', `backbone "${name}" is not in service here: ${why}`);
  }

  /** Gives up loads: those in progress, and those that come. */
  stopLoading(): void {
    this.closing.abort();
  }

  /** Gives up loads, refuses what waits, frees all. */
  async close(): Promise<void> {
    this.stopLoading();
    for (const slot of this.slots.values()) {
      await slot.serial.idle();
      const batcher = this.batchers.get(slot.entry.name);
      batcher?.close();
      await batcher?.backbone.close();
      await slot.retiring;
    }
  }

  private async replace(slot: Slot, model: string, signal: AbortSignal, accept: LoadRequest['accept']): Promise<void> {
    const { entry, last } = slot;
    const { name } = entry;
    const next = await this.parts.open(entry, model, signal);
    const batcher = this.parts.front(next, entry);
    try {
      await warmUp(batcher, this.parts.batching(entry).batchSize, signal);
      signal.throwIfAborted();
      // From here to the switch nothing else runs: what is accepted is what is switched.
      accept(last, next);
    } catch (error) {
      await next.close();
      throw error;
    }
    const old = this.batchers.get(name);
    this.batchers.set(name, batcher);
    Object.assign(slot, { last: next, model, reason: plain('') });
    this.parts.log(`backbone ${name}: loaded ${model}: identity ${short(last)} -> ${short(next)}`);
    if (old !== undefined) slot.retiring = Promise.all([slot.retiring, this.retire(old)]);
  }

  private async retire(batcher: Batcher): Promise<void> {
    try {
      await batcher.drain();
      batcher.close();
      await batcher.backbone.close();
    } catch (error) {
      const message = `backbone ${batcher.backbone.name}: freeing the one that was taken out of service: ${error}`;
      this.parts.log(message, 'warn');
    }
  }

  private givenUp(name: string, cause: unknown): StatusError {
    if (this.closing.signal.aborted) return new StatusError('draining', 'the server is stopping', { cause });
    return new StatusError('cancelled', `model "${name}": loading was given up; nothing changed`, { cause });
  }

  private need(name: string): Slot {
    const slot = this.slots.get(name);
    if (slot !== undefined) return slot;
    throw new StatusError('model_unknown', `no backbone ${quote(name)}; there are ${listSome(this.names())}`);
  }
}

const short = ({ identity }: Backbone) => identity.slice(0, 12);
