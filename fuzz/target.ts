import type { Random } from './random.js';

/** Something that takes bytes of strangers. */
export interface FuzzTarget {
  readonly name: string;
  /** Inputs in progress at once; default 1. */
  readonly concurrency?: number;
  /** Whole inputs to start from: the same in every run. */
  seeds(): Promise<readonly Uint8Array[]>;
  /** One input. */
  mutate(random: Random, seeds: readonly Uint8Array[]): Uint8Array;
  open(): Promise<FuzzSubject>;
}

export interface FuzzSubject {
  /** @throws whatever the input led to: only the declared errors are no failure. */
  run(input: Uint8Array): void | Promise<void>;
  /** Whether it still serves. @throws when it does not. */
  check?(): Promise<void>;
  close(): Promise<void>;
}

/** What bad input may lead to: the errors that tell somebody what to do. */
const DECLARED = new Set(['StatusError', 'EngineError', 'LearnerError', 'ConfigError']);

/** Messages of strangers' input go to clients, logs and terminals. */
const MAX_MESSAGE = 20_000;

/** Why an error is a failure; undefined: it is declared. */
export function failureOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return `something thrown that is no error: ${String(error)}`;
  if (!DECLARED.has(error.name)) return error.stack ?? `${error.name}: ${error.message}`;
  if ((error as { code?: unknown }).code === 'internal') return `an internal error: ${describeCause(error)}`;
  if (error.message.length > MAX_MESSAGE) return `a message of ${error.message.length} characters`;
  return undefined;
}

function describeCause({ cause, stack }: Error): string {
  return cause instanceof Error ? String(cause.stack) : String(stack);
}
