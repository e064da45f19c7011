import type { TestContext } from 'node:test';
import { credentials } from '@grpc/grpc-js';
import { inference, type ModelInferResponse__Output } from '../../protos/index.js';

/** Of tiny_acdc90. */
const DIMENSIONS = 256;
const CLASSES = ['circle', 'square', 'star', 'wave'];

/** The class of the embedding that stands for `index`. */
export function classOf(index: number): string {
  return CLASSES[index % CLASSES.length] as string;
}

/** The embedding that stands for `index`, of the backbone tiny_acdc90. */
export function embeddingOf(index: number): Float32Array {
  const embedding = new Float32Array(DIMENSIONS);
  for (let i = 0; i < DIMENSIONS; i++) {
    embedding[i] = Math.sin((i + 1) * ((index % CLASSES.length) + 1)) + Math.sin(index * 7.3 + i * 1.7);
  }
  return embedding;
}

/** Asks the head `pets` about embeddings of its own making: as fast as requests can be, since the backbone is skipped. */
export class EmbeddingClient {
  private readonly client: InstanceType<typeof inference.GRPCInferenceService>;

  constructor(t: Pick<TestContext, 'after'>, server: string) {
    // By itself it would wait for up to two minutes before it looks again whether a server that was killed is back.
    const options = { 'grpc.initial_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 500 };
    this.client = new inference.GRPCInferenceService(server, credentials.createInsecure(), options);
    t.after(() => this.client.close());
  }

  predict(id: string, index: number): Promise<ModelInferResponse__Output> {
    const request = {
      modelName: 'pets',
      id,
      inputs: [{ name: 'embedding', datatype: 'FP32', shape: [1, DIMENSIONS] }],
      rawInputContents: [Buffer.from(embeddingOf(index).buffer)],
    };
    return new Promise((resolve, reject) => {
      this.client.ModelInfer(request, { deadline: Date.now() + 10_000 }, (error, answer) =>
        error || !answer ? reject(error) : resolve(answer),
      );
    });
  }
}
