// What the load test says to loadtest/bare-engine/bare-engine-process.ts. Types only: neither imports the other.
import type { BenchModel } from './models.js';

export interface BareSetting {
  readonly model: string;
  readonly engine: 'onnxruntime' | 'sparse' | 'auto';
  readonly batch: number;
  readonly threads: number;
  readonly image: BenchModel['image'];
  readonly jpegs: readonly Uint8Array[];
}

/** `run`: so many milliseconds. Answered with images and milliseconds. */
export type BareMessage = { readonly open: BareSetting } | { readonly run: number; readonly input: 'pixels' | 'image' };

export interface BareCount {
  readonly images: number;
  readonly milliseconds: number;
}
