import type { Backbone, BackboneInfo, BackboneOptions, EmbeddedBatch, ImageSettings, Images } from '../backbone.js';
import { EngineError } from '../backbone.js';
import { findItemProblem, mostCallsWaiting } from '../items.js';
import type { PreparedModel } from '../prepare.js';
import { prepareModel } from '../prepare.js';
import { quote, reasonOf } from '../text.js';
import { countThreads } from '../threads.js';
import type { LoadedReply, LoadRequest } from './messages.js';
import { EngineThread } from './thread.js';

const workerEntry = new URL('./worker.js', import.meta.url);

/**
 * Loads a model into ONNX Runtime, in a worker thread of its own.
 *
 * @param log gets one line for each decision
 * @param entry the worker's file; tests give one that crashes
 * @throws EngineError see EngineError.code
 */
export async function loadOnnxRuntimeBackbone(
  options: BackboneOptions,
  log: (message: string) => void,
  entry: URL = workerEntry,
): Promise<Backbone> {
  const model = await prepareModel(options);
  const threads = countThreads(options.threads);
  const backbone = new OnnxRuntimeBackbone(options, model, threads, log, entry);
  const loaded = await backbone.start(model);
  log(`backbone ${options.name}: the embedding is ${quote(model.output.tensor)} (${model.output.reason})`);
  if (loaded.batch !== undefined) {
    log(
      `backbone ${options.name}: the model takes exactly ${loaded.batch} image(s) a run, so larger batches run in parts; ` +
        'export it with a dynamic batch dimension for more throughput',
    );
  }
  log(
    `backbone ${options.name}: ONNX Runtime with ${threads} thread(s), ${loaded.dimensions} dimensions, ` +
      `${(100 * model.sparsity).toFixed(1)} % of the weights are zero`,
  );
  return backbone;
}

class OnnxRuntimeBackbone implements Backbone {
  readonly name: string;
  readonly identity: string;
  readonly image: ImageSettings;
  readonly info: BackboneInfo;
  readonly #options: BackboneOptions;
  readonly #log: (message: string) => void;
  readonly #entry: URL;
  #dimensions = 0;
  /** The thread that takes calls; pending while it starts again, rejected when it can't. */
  #thread: Promise<EngineThread> = Promise.reject(new Error('not started'));
  #callsWaiting = 0;
  #closed: Promise<void> | undefined;

  constructor(
    options: BackboneOptions,
    model: PreparedModel,
    threads: number,
    log: (message: string) => void,
    entry: URL,
  ) {
    this.name = options.name;
    this.identity = model.identity;
    this.image = options.image;
    this.info = { engine: 'onnxruntime', isa: 'auto', threads, sparsity: model.sparsity, output: model.output.tensor };
    this.#options = options;
    this.#log = log;
    this.#entry = entry;
    this.#thread.catch(() => {});
  }

  get dimensions(): number {
    return this.#dimensions;
  }

  /** Starts the worker thread. Called once by the loader, and again when the thread has died. */
  async start(model: PreparedModel): Promise<LoadedReply> {
    const request: LoadRequest = {
      kind: 'load',
      file: this.#options.model,
      bytes: model.bytes,
      input: model.input.name,
      output: model.output.tensor,
      batch: model.input.batch,
      threads: this.info.threads,
      image: this.image,
    };
    const { thread, loaded } = await EngineThread.start(this.#entry, this.name, request, (reason) =>
      this.#restart(thread, reason),
    );
    this.#thread = Promise.resolve(thread);
    this.#dimensions = loaded.dimensions;
    return loaded;
  }

  async embed(images: readonly Images[]): Promise<EmbeddedBatch> {
    if (this.#closed !== undefined) throw new EngineError('closed', `backbone ${this.name} is closed`);
    const problem = findItemProblem(images, this.image.size);
    if (problem !== undefined) throw new EngineError('run_failed', `backbone ${this.name}: ${problem}`);
    if (this.#callsWaiting >= mostCallsWaiting) {
      throw new EngineError(
        'run_failed',
        `backbone ${this.name}: ${mostCallsWaiting} calls are waiting already; send fewer at once`,
      );
    }
    this.#callsWaiting++;
    try {
      const thread = await this.#thread;
      return await thread.run(images);
    } finally {
      this.#callsWaiting--;
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#thread.then(
      (thread) => thread.close(),
      () => {}, // It died and could not be started again: nothing is left to close.
    );
    return this.#closed;
  }

  /** A thread that died before it answered anything would die again: then the backbone stays down. */
  #restart(dead: EngineThread, reason: string): void {
    if (this.#closed !== undefined) return;
    if (dead.answered === 0) {
      this.#log(
        `backbone ${this.name}: its ONNX Runtime thread died (${reason}) before its first answer and stays down`,
      );
      return;
    }
    this.#log(`backbone ${this.name}: its ONNX Runtime thread died (${reason}); it is started again`);
    this.#thread = this.#startAgain();
    this.#thread.catch((error) => this.#log(reasonOf(error)));
  }

  async #startAgain(): Promise<EngineThread> {
    try {
      const model = await prepareModel(this.#options);
      if (model.identity !== this.identity) throw new Error(`${this.#options.model} has changed since it was loaded`);
      await this.start(model);
    } catch (error) {
      throw new EngineError(
        'run_failed',
        `backbone ${this.name}: its ONNX Runtime thread died and can't be started again (${reasonOf(error)}); restart the service`,
        { cause: error },
      );
    }
    return this.#thread;
  }
}
