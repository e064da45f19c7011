import type { Input } from '../generator/traffic.js';
import type { BenchModel } from '../models.js';
import type { Pinning } from '../servers/pinning.js';

/** What every measurement of a run has in common. */
export interface RunSettings {
  readonly model: BenchModel;
  readonly engine: 'onnxruntime' | 'sparse' | 'auto';
  readonly threads: number;
  readonly batch: number;
  readonly input: Input;
  readonly seed: number;
  readonly scale: number;
  readonly minutes: number;
  /** Images a second; undefined: measured. */
  readonly capacity: number | undefined;
  readonly compare: boolean;
  readonly pinning: Pinning;
}

/** Told of what goes on. */
export interface Progress {
  /** A line that stays. */
  line(text: string): void;
  /** The state of things, once a second: shown in place where there is a terminal. */
  now(text: string): void;
}
