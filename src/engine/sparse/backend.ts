import type { Executor, Native, NativeAbsent } from '../../native/index.js';
import { lanes, loadNative } from '../../native/index.js';
import type { Backbone, BackboneInfo, BackboneOptions, EmbeddedBatch, EngineLog, Images } from '../backbone.js';
import { EngineError } from '../backbone.js';
import { findItemProblem, findNotFinite, mostCallsWaiting } from '../items.js';
import { quote, reasonOf } from '../text.js';
import { checkIsa, createExecutor, reasonOfRefusal } from './executor.js';
import { findNotFiniteInput } from './input-check.js';
import type { Planned, PlanReply } from './messages.js';
import { planInThread } from './planning-thread.js';

export type SparseLoad =
  | { readonly kind: 'loaded'; readonly backbone: Backbone }
  /** This engine can't run the model, or can't run here: ONNX Runtime may. `reason` names the node, or what is missing. */
  | { readonly kind: 'unavailable'; readonly reason: string };

/** Where addon and plan come from; tests put in their own. */
export interface SparseParts {
  readonly loadNative: () => Native | NativeAbsent;
  readonly plan: (options: BackboneOptions, log: EngineLog) => Promise<PlanReply>;
}

const realParts: SparseParts = { loadNative, plan: planInThread };

/**
 * Loads a model into the sparse engine: a plan made from the file, and an executor with threads of its own that runs it. Of the model only
 * packed weights stay in memory.
 *
 * @param log gets one line for each decision
 * @throws EngineError when the file or a setting is at fault, whatever the engine (see EngineError.code)
 */
export async function loadSparseBackbone(
  options: BackboneOptions,
  log: EngineLog,
  parts: SparseParts = realParts,
): Promise<SparseLoad> {
  const native = parts.loadNative();
  if (native.kind === 'absent') {
    const { isa } = options;
    const note = isa === 'auto' ? '' : ` (engine.isa, ${isa}, means nothing without it)`;
    return { kind: 'unavailable', reason: `${native.reason}${note}` };
  }
  checkIsa(options, native);
  const planned = await parts.plan(options, log);
  if (planned.kind === 'failed') throw new EngineError(planned.code, planned.message);
  if (planned.kind === 'unsupported') return { kind: 'unavailable', reason: planned.reason };

  let executor: Executor;
  try {
    executor = createExecutor(native, planned.plan, options);
  } catch (error) {
    return { kind: 'unavailable', reason: reasonOfRefusal(error) };
  }
  const backbone = new SparseBackbone(options, planned, executor);
  try {
    await backbone.embed([greyImage(options.image.size)]);
  } catch (error) {
    await backbone.close();
    return { kind: 'unavailable', reason: `a trial with one grey image failed: ${reasonOf(error)}` };
  }
  log(`backbone ${options.name}: the embedding is ${quote(planned.output.tensor)} (${planned.output.reason})`);
  log(
    `backbone ${options.name}: sparse engine (${executor.isa}) with ${executor.threads} thread(s), ${backbone.dimensions} dimensions, ` +
      `${(100 * planned.sparsity).toFixed(1)} % of the weights are zero, ${describeMemory(planned, executor)}`,
  );
  return { kind: 'loaded', backbone };
}

/** Right after the load there is one arena; batches add others, for images that are computed at once. */
function describeMemory({ plan }: Planned, { bytes }: Executor): string {
  const arena = plan.arenaVectors * 4 * lanes;
  const mebibytes = (count: number) => `${(count / 2 ** 20).toFixed(1)} MiB`;
  return `${mebibytes(bytes - arena)} of weights and ${mebibytes(arena)} for each image that is computed at once`;
}

class SparseBackbone implements Backbone {
  readonly name: string;
  readonly identity: string;
  readonly dimensions: number;
  readonly image: BackboneOptions['image'];
  readonly info: BackboneInfo;
  readonly #executor: Executor;
  #callsWaiting = 0;
  #closed: Promise<void> | undefined;

  constructor({ name, image }: BackboneOptions, planned: Planned, executor: Executor) {
    const { identity, sparsity, output } = planned;
    this.name = name;
    this.identity = identity;
    this.dimensions = planned.plan.output.length;
    this.image = image;
    this.info = { engine: 'sparse', isa: executor.isa, threads: executor.threads, sparsity, output: output.tensor };
    this.#executor = executor;
  }

  async embed(images: readonly Images[]): Promise<EmbeddedBatch> {
    if (this.#closed !== undefined) throw new EngineError('closed', `backbone ${this.name} is closed`);
    const problem = findItemProblem(images, this.image.size) ?? findNotFiniteInput(images);
    if (problem !== undefined) throw this.#failed(problem);
    if (this.#callsWaiting >= mostCallsWaiting) {
      throw this.#failed(`${mostCallsWaiting} calls are waiting already; send fewer at once`);
    }
    this.#callsWaiting++;
    try {
      const batch = await this.#run(images);
      const bad = findNotFinite(batch.embeddings, batch.embeddings.length / this.dimensions);
      if (bad !== undefined) throw this.#failed(bad);
      return batch;
    } finally {
      this.#callsWaiting--;
    }
  }

  async #run(images: readonly Images[]): Promise<EmbeddedBatch> {
    try {
      return await this.#executor.run(images);
    } catch (error) {
      throw this.#failed(reasonOf(error), error);
    }
  }

  #failed(what: string, cause?: unknown): EngineError {
    return new EngineError('run_failed', `backbone ${this.name}: ${what}`, { cause });
  }

  close(): Promise<void> {
    this.#closed ??= this.#executor.close();
    return this.#closed;
  }
}

function greyImage(size: number): Images {
  return { kind: 'pixels', count: 1, data: new Uint8Array(3 * size * size).fill(128) };
}
