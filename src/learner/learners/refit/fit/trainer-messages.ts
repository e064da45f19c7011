import type { FitJob, FitResult } from './fit-job.js';

export interface TrainerRequest {
  readonly id: number;
  readonly job: FitJob;
}

export type TrainerReply = { readonly id: number } & ({ readonly result: FitResult } | { readonly failure: string });

/** The buffers of all arrays in a message, each once: what can be moved with it. Every array must be the only user of its buffer. */
export function buffersOf(message: object): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  const visit = (value: unknown) => {
    if (ArrayBuffer.isView(value)) {
      if (value.buffer instanceof ArrayBuffer) buffers.add(value.buffer);
    } else if (typeof value === 'object' && value !== null) Object.values(value).forEach(visit);
  };
  visit(message);
  return [...buffers];
}
