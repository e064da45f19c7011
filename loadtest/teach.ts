import { credentials } from '@grpc/grpc-js';
import { learning } from '../protos/index.js';

const CLASSES = 100;
const TIMEOUT_MS = 60_000;

type Client = InstanceType<typeof learning.LearningService>;

/** Teaches a head classes of random embeddings, one sample each, so that answers are computed, not empty. */
export async function teachHead(server: string, head: string, classes = CLASSES): Promise<void> {
  const client = new learning.LearningService(server, credentials.createInsecure());
  try {
    const { dimensions } = await getHead(client, head);
    const labels = Array.from({ length: classes }, (_, index) => ({
      id: `teach-${index}`,
      label: `class ${index}`,
      embedding: Array.from({ length: dimensions }, (_, dimension) => Math.sin(index * 7919 + dimension)),
    }));
    await new Promise<void>((resolve, reject) => {
      client.feedback({ head, labels }, (error) => (error ? reject(error) : resolve()));
    });
    const start = performance.now();
    for (;;) {
      const { samples, servingVersion } = await getHead(client, head);
      if (samples >= classes && servingVersion > 0) return;
      if (performance.now() - start > TIMEOUT_MS) {
        throw new Error(`the head ${head} learned only ${samples} of ${classes}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  } finally {
    client.close();
  }
}

/** The length of a head's embeddings. */
export async function dimensionsOf(server: string, head: string): Promise<number> {
  const client = new learning.LearningService(server, credentials.createInsecure());
  try {
    return (await getHead(client, head)).dimensions;
  } finally {
    client.close();
  }
}

function getHead(client: Client, name: string) {
  return new Promise<{ dimensions: number; servingVersion: number; samples: number }>((resolve, reject) => {
    client.getHead({ name }, (error, value) => {
      if (error || value === undefined) reject(error ?? new Error('no head'));
      else resolve(value);
    });
  });
}
