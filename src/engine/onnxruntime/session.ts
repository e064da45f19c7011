import { env, InferenceSession, Tensor } from 'onnxruntime-node';
import { EngineError } from '../backbone.js';
import { findNotFinite } from '../items.js';
import { releaseMemory } from '../release-memory.js';
import { quote, reasonOf } from '../text.js';
import { BatchAssembler, countImages } from './batch.js';
import type { LoadRequest, RunItem } from './messages.js';

/** ONNX Runtime's errors arrive as exceptions; at this level it does not print them as well. */
const fatalOnly = 4;

/** A loaded model. Everything here blocks the calling thread, so it runs in the worker only. */
export class EmbeddingSession {
  readonly #session: InferenceSession;
  readonly #request: LoadRequest;
  readonly #assembler: BatchAssembler;
  /** Images that one run takes; undefined: any number. */
  #batch: number | undefined;
  /** D; 0 until the trial has shown it. */
  #dimensions = 0;

  private constructor(session: InferenceSession, request: LoadRequest) {
    this.#session = session;
    this.#request = request;
    this.#assembler = new BatchAssembler(request.image);
    this.#batch = request.batch;
  }

  get dimensions(): number {
    return this.#dimensions;
  }

  get batch(): number | undefined {
    return this.#batch;
  }

  /** @throws EngineError model_unsupported when ONNX Runtime refuses the model, or a trial run fails. */
  static async load(request: LoadRequest): Promise<EmbeddingSession> {
    env.logLevel = 'fatal';
    let session: InferenceSession;
    try {
      session = await InferenceSession.create(request.bytes, {
        executionProviders: ['cpu'],
        intraOpNumThreads: request.threads,
        executionMode: 'sequential',
        graphOptimizationLevel: 'all',
        logSeverityLevel: fatalOnly,
        // Threads that wait in a loop for work would take the cores from the event loop, and gain nothing (measured).
        extra: { session: { intra_op: { allow_spinning: '0' } } },
      });
    } catch (error) {
      throw unsupported(request.file, `ONNX Runtime can't load this model (${reasonOf(error)})`, error);
    } finally {
      // It has made weights of its own from them.
      releaseMemory(request.bytes);
    }
    const loaded = new EmbeddingSession(session, request);
    try {
      await loaded.#trial();
    } catch (error) {
      await session.release();
      throw error;
    }
    return loaded;
  }

  /** Runs grey images: learns D, warms up, and finds out early what would fail later. */
  async #trial(): Promise<void> {
    const { file, image, output } = this.#request;
    let embeddings: Float32Array;
    try {
      embeddings = await this.embed([greyImages(1, image.size)]);
    } catch (error) {
      throw unsupported(
        file,
        `a trial with one grey image of ${image.size} x ${image.size} failed: ${reasonOf(error)}`,
        error,
      );
    }
    if (embeddings.length === 0) throw unsupported(file, `the output ${quote(output)} is empty`);
    this.#dimensions = embeddings.length;
    if (this.#batch !== undefined) return;
    try {
      await this.embed([greyImages(2, image.size)]);
    } catch {
      // The input says "any number", but something inside (a Reshape, mostly) was exported for one image.
      this.#batch = 1;
      await this.embed([greyImages(2, image.size)]);
    }
  }

  /**
   * [images, D]. A model with a fixed batch runs as often as needed, its last batch filled up with zeros.
   *
   * @throws Error that says what ONNX Runtime refused, or which image has no finite embedding.
   */
  async embed(items: readonly RunItem[]): Promise<Float32Array<ArrayBuffer>> {
    const count = countImages(items);
    const input = this.#assembler.assemble(items);
    const embeddings =
      this.#batch === undefined || this.#batch === count
        ? await this.#run(input, count)
        : await this.#runInParts(input, count, this.#batch);
    const problem = findNotFinite(embeddings, count);
    if (problem !== undefined) throw new Error(problem);
    return embeddings;
  }

  async #runInParts(input: Float32Array, count: number, batch: number): Promise<Float32Array<ArrayBuffer>> {
    const imageLength = input.length / count;
    const parts: Float32Array[] = [];
    for (let first = 0; first < count; first += batch) {
      const images = Math.min(batch, count - first);
      let part = input.subarray(first * imageLength, (first + images) * imageLength);
      if (images < batch) {
        const filled = new Float32Array(batch * imageLength);
        filled.set(part);
        part = filled;
      }
      const embeddings = await this.#run(part, batch);
      parts.push(embeddings.subarray(0, images * (embeddings.length / batch)));
    }
    const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
    let position = 0;
    for (const part of parts) {
      whole.set(part, position);
      position += part.length;
    }
    return whole;
  }

  async #run(input: Float32Array, count: number): Promise<Float32Array<ArrayBuffer>> {
    const { input: inputName, output, image } = this.#request;
    const tensor = new Tensor('float32', input, [count, 3, image.size, image.size]);
    const result = (await this.#session.run({ [inputName]: tensor }, [output]))[output];
    if (!(result?.data instanceof Float32Array)) throw new Error(`the output ${quote(output)} is not a float32 tensor`);
    const expected = this.#dimensions === 0 ? result.data.length : count * this.#dimensions;
    if (result.dims[0] !== count || result.data.length !== expected) {
      throw new Error(`the output ${quote(output)} has shape [${result.dims.join(', ')}] for ${count} images`);
    }
    return result.data as Float32Array<ArrayBuffer>;
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}

function greyImages(count: number, size: number): RunItem {
  return { kind: 'pixels', count, data: new Uint8Array(count * 3 * size * size).fill(128) };
}

function unsupported(file: string, what: string, cause?: unknown): EngineError {
  return new EngineError('model_unsupported', `${file}: ${what}`, { cause });
}
