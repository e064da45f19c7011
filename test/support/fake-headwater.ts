import { type Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js';
import {
  type ActResponse,
  type CreateHeadRequest__Output,
  type FeedbackRequest__Output,
  type GRPCInferenceServiceHandlers,
  type Head,
  inference,
  type LearningServiceHandlers,
  learning,
  type ModelInferRequest__Output,
} from '../../protos/index.js';

// Both services in this process, with a head that learns by heart: for tests of the clients alone.

/** A call that is refused: what grpc-js sends. */
export interface Refusal {
  readonly code: status;
  readonly details: string;
  readonly metadata?: Metadata;
}

export interface FakePrediction {
  readonly id: string;
  readonly image: string;
}

/** What a test may change while it runs. */
export class FakeHeadwater {
  readonly predictions: FakePrediction[] = [];
  /** Labels as they came, those of one id as often as they were sent. */
  readonly labels: { id: string; label: string; image: string }[] = [];
  /** id -> label, the first wins. */
  readonly trained = new Map<string, string>();
  /** Asked before each prediction; a refusal is answered. */
  refusePrediction: (prediction: FakePrediction, attempt: number) => Refusal | undefined = () => undefined;
  /** Asked before each label of the stream; `error` and `code` are answered. */
  refuseLabel: (label: { id: string; label: string }, attempt: number) => Refusal | undefined = () => undefined;
  /** Breaks the stream of labels instead of answering. */
  breakStream: (label: { id: string; label: string }) => boolean = () => false;
  /** Answers this class for the text of an image. */
  predict: (image: string) => string = () => '';
  recorded: (id: string, attempt: number) => boolean = () => true;
  /** Overrides of what GetHead answers. */
  head: Partial<Head> = {};
  /** Labels by result, as a server tells them that joins labels; undefined: it does not. */
  results: Record<string, number> | undefined;
  /** A label that is stored and taught nothing. */
  loses: (id: string) => boolean = () => false;
  /** Asked before each GetHead; a refusal is answered. */
  refuseHead: (attempt: number) => Refusal | undefined = () => undefined;
  heads: string[] = ['demo'];
  readonly created: CreateHeadRequest__Output[] = [];
  readonly deleted: { name: string; expectedVersion?: number }[] = [];
  readonly rolledBack: number[] = [];
  /** Requests of the calls that are acts, with the call's name. */
  readonly acts: Record<string, unknown>[] = [];
  /** What acts are answered with. */
  actAnswer: Partial<ActResponse> = { applied: true };
  /** The file of every head. */
  file: Buffer = Buffer.from('weights');
  readonly imported: { head: unknown; bytes: Buffer }[] = [];
  /** An import is refused at its first message. */
  refuseImport: Refusal | undefined;
  /** Looks at a watched head after which it is deleted. */
  watches = 3;
  #attempts = new Map<string, number>();
  #server: Server | undefined;
  port = 0;

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  async start(port = 0): Promise<void> {
    const server = new Server({ 'grpc.max_receive_message_length': -1 });
    server.addService(inference.GRPCInferenceService.service, this.#inference());
    server.addService(learning.LearningService.service, this.#learning());
    this.port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) => {
        if (error) reject(error);
        else resolve(bound);
      });
    });
    this.#server = server;
  }

  /** Breaks all connections at once. */
  stop(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
  }

  #attempt(key: string): number {
    const attempt = (this.#attempts.get(key) ?? 0) + 1;
    this.#attempts.set(key, attempt);
    return attempt;
  }

  #teach(id: string, label: string): void {
    if (this.results !== undefined) {
      const result = this.trained.has(id) ? 'duplicate' : 'trained';
      this.results[result] = (this.results[result] ?? 0) + 1;
    }
    if (!this.trained.has(id)) this.trained.set(id, label);
  }

  #headState(name: string): Head {
    const samples = this.trained.size;
    return {
      name,
      backbone: 'tiny',
      generation: 1,
      open: true,
      maxClasses: 1000,
      dimensions: 4,
      classes: [...new Set(this.trained.values())].map((label) => ({
        name: label,
        samples: 1,
        recent: 1,
        recall: 0.5,
      })),
      latestVersion: samples,
      servingVersion: samples,
      versions:
        samples === 0
          ? []
          : [{ version: samples, samples, logSequence: samples, createdAtMs: 0, digest: 'd', champion: 'sgd' }],
      samples,
      snapshotSequence: samples,
      logSequence: samples,
      prequentialAccuracy: [
        { window: 100, count: Math.min(100, samples), accuracy: 0.25 },
        { window: 1000, count: Math.min(1000, samples), accuracy: 0.5 },
      ],
      state: 'ready',
      labelResults: { ...this.results },
      ...this.head,
    };
  }

  #inference(): GRPCInferenceServiceHandlers {
    return {
      ModelInfer: (call, callback) => {
        const prediction = readPrediction(call.request);
        const attempt = this.#attempt(`predict ${prediction.id} ${prediction.image}`);
        const refusal = this.#unknown(call.request.modelName) ?? this.refusePrediction(prediction, attempt);
        if (refusal) return callback(refusal);
        this.predictions.push(prediction);
        const label = Buffer.from(this.predict(prediction.image));
        const wantsTop = call.request.outputs.some(({ name }) => name === 'probabilities');
        callback(null, {
          modelName: call.request.modelName,
          modelVersion: '1',
          id: prediction.id,
          parameters: { recorded: { boolParam: this.recorded(prediction.id, attempt) } },
          outputs: [
            { name: 'label', datatype: 'BYTES', shape: [1] },
            ...(wantsTop ? [{ name: 'probabilities', datatype: 'BYTES', shape: [1, 1] }] : []),
          ],
          rawOutputContents: [withLength(label), ...(wantsTop ? [withLength(Buffer.from(`0.75:3:${label}`))] : [])],
        });
      },
    } as Partial<GRPCInferenceServiceHandlers> as GRPCInferenceServiceHandlers;
  }

  #learning(): LearningServiceHandlers {
    return {
      StreamFeedback: (call) => {
        call.on('data', ({ labels }: FeedbackRequest__Output) => {
          for (const { id, label, image } of labels) {
            if (this.breakStream({ id, label }))
              return void call.emit('error', { code: status.UNAVAILABLE, details: 'broken' });
            this.labels.push({ id, label, image: image.toString() });
            const refusal = this.refuseLabel({ id, label }, this.#attempt(`label ${id}`));
            if (refusal) return void call.write({ sequences: [], error: refusal.details, code: refusal.code });
            if (!this.loses(id)) this.#teach(id, label);
            call.write({ sequences: [this.labels.length], error: '', code: 0 });
          }
        });
        call.on('end', () => call.end());
        call.on('error', () => {});
      },
      GetHead: (call, callback) => {
        const refusal = this.#unknown(call.request.name) ?? this.refuseHead(this.#attempt('head'));
        if (refusal) callback(refusal);
        else callback(null, this.#headState(call.request.name));
      },
      ListHeads: (_, callback) => callback(null, { heads: this.heads.map((name) => this.#headState(name)) }),
      CreateHead: (call, callback) => {
        this.created.push(call.request);
        this.heads.push(call.request.name);
        callback(null, this.#headState(call.request.name));
      },
      DeleteHead: (call, callback) => {
        const { name, expectedVersion } = call.request;
        this.deleted.push({ name, ...(expectedVersion !== undefined && { expectedVersion }) });
        callback(null, {});
      },
      RollbackHead: (call, callback) => {
        this.rolledBack.push(call.request.version);
        const { name, version } = call.request;
        callback(null, { ...this.#headState(name), servingVersion: version || 9, pinned: version > 0 });
      },
      WatchHead: async (call) => {
        for (let look = 0; look < this.watches; look++) call.write(this.#headState(call.request.name));
        call.end();
      },
      PromoteHead: (call, callback) => callback(null, this.#act('PromoteHead', call.request)),
      SetLearners: (call, callback) => callback(null, this.#act('SetLearners', call.request)),
      DeleteClass: (call, callback) => callback(null, this.#act('DeleteClass', call.request)),
      RenameClass: (call, callback) => callback(null, this.#act('RenameClass', call.request)),
      ExportHead: (call) => {
        const refusal = this.#unknown(call.request.name);
        if (refusal) return void call.emit('error', refusal);
        const middle = Math.ceil(this.file.length / 2);
        call.write({ version: 4, totalBytes: this.file.length, chunk: this.file.subarray(0, middle) });
        call.write({ chunk: this.file.subarray(middle) });
        call.end();
      },
      ImportHead: (call, callback) => {
        const chunks: Buffer[] = [];
        let head: unknown;
        call.on('data', (message) => {
          if (this.refuseImport) return void callback(this.refuseImport);
          head ??= message.head;
          chunks.push(message.chunk);
        });
        call.on('end', () => {
          if (this.refuseImport) return;
          this.imported.push({ head, bytes: Buffer.concat(chunks) });
          callback(null, this.#headState((head as { name: string }).name));
        });
      },
    } as Partial<LearningServiceHandlers> as LearningServiceHandlers;
  }

  #act(call: string, request: { readonly name: string }): ActResponse {
    this.acts.push({ call, ...request });
    return { sequence: 57, head: this.#headState(request.name), ...this.actAnswer };
  }

  #unknown(head: string): Refusal | undefined {
    if (this.heads.includes(head)) return undefined;
    return { code: status.NOT_FOUND, details: `no head "${head}"; there are: ${this.heads.join(', ')}` };
  }
}

function readPrediction(request: ModelInferRequest__Output): FakePrediction {
  return { id: request.id, image: (request.rawInputContents[0] as Buffer).subarray(4).toString() };
}

function withLength(text: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  return Buffer.concat([length, text]);
}
