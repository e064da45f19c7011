// Runs inputs of one target in this process.
import { Random } from './random.js';
import { type FuzzSubject, type FuzzTarget, failureOf } from './target.js';

export interface Failure {
  readonly target: string;
  readonly seed: number;
  readonly index: number;
  readonly input: Uint8Array;
  readonly what: string;
}

export interface RunOptions {
  readonly seed: number;
  /** The first index, and the one behind the last. */
  readonly from: number;
  readonly to: number;
  /** Longest time of one input; 0: any. A hang that never ends is seen by who watches the process: see campaign.ts. */
  readonly limitMs?: number;
  readonly onProgress?: (index: number) => void;
  readonly onFailure: (failure: Failure) => void;
}

/** Inputs between two looks at whether the subject still serves. */
const CHECK_EVERY = 2000;

/** The input of an index. */
export function inputOf(target: FuzzTarget, seeds: readonly Uint8Array[], seed: number, index: number): Uint8Array {
  return target.mutate(new Random(seed, index), seeds);
}

/** Runs inputs `from` to `to` - 1, `target.concurrency` at once. */
export async function runTarget(target: FuzzTarget, options: RunOptions): Promise<void> {
  const { seed, from, to, limitMs = 0, onProgress, onFailure } = options;
  const seeds = await target.seeds();
  const subject = await target.open();
  let next = from;
  const work = async () => {
    for (let index = next++; index < to; index = next++) {
      onProgress?.(index);
      const input = inputOf(target, seeds, seed, index);
      const start = performance.now();
      let what = await runInput(subject, input);
      const ms = performance.now() - start;
      if (limitMs > 0 && ms > limitMs) what ??= `it took ${Math.round(ms)} ms`;
      if (index % CHECK_EVERY === CHECK_EVERY - 1) what ??= await checked(subject);
      if (what !== undefined) onFailure({ target: target.name, seed, index, input, what });
    }
  };
  try {
    await Promise.all(Array.from({ length: target.concurrency ?? 1 }, work));
    const what = await checked(subject);
    if (what !== undefined) onFailure({ target: target.name, seed, index: to - 1, input: new Uint8Array(), what });
  } finally {
    await subject.close();
  }
}

/** Why an input is a failure; undefined: it is none. */
export async function runInput(subject: FuzzSubject, input: Uint8Array): Promise<string | undefined> {
  try {
    await subject.run(input);
    return undefined;
  } catch (error) {
    return failureOf(error);
  }
}

async function checked(subject: FuzzSubject): Promise<string | undefined> {
  try {
    await subject.check?.();
    return undefined;
  } catch (error) {
    return `it no longer serves: ${error instanceof Error ? error.stack : error}`;
  }
}
