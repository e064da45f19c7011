import { credentials } from '@grpc/grpc-js';
import { learning } from '../protos/index.js';

const CLASSES = 100;
const TIMEOUT_MS = 60_000;

/** Teaches a head 100 classes of random embeddings, so that the benchmark's answers are computed, not empty. */
export async function teachHead(server: string, head: string): Promise<void> {
  const client = new learning.LearningService(server, credentials.createInsecure());
  const getHead = () =>
    new Promise<{ dimensions: number; servingVersion: number; samples: number }>((resolve, reject) => {
      client.getHead({ name: head }, (error, value) => {
        if (error || value === undefined) reject(error ?? new Error('no head'));
        else resolve(value);
      });
    });
  try {
    const { dimensions } = await getHead();
    const labels = Array.from({ length: CLASSES }, (_, index) => ({
      id: `teach-${index}`,
      label: `class ${index}`,
      embedding: Array.from({ length: dimensions }, (_, dimension) => Math.sin(index * 7919 + dimension)),
    }));
    await new Promise<void>((resolve, reject) => {
      client.feedback({ head, labels }, (error) => (error ? reject(error) : resolve()));
    });
    const start = performance.now();
    for (let state = await getHead(); state.samples < CLASSES || state.servingVersion === 0; state = await getHead()) {
      if (performance.now() - start > TIMEOUT_MS)
        throw new Error(`the head learned only ${state.samples} of ${CLASSES}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  } finally {
    client.close();
  }
}
