import type { Graph } from '../types.js';

/** A pass never changes the graph it gets, nor what the embedding is. */
export interface PassResult {
  readonly graph: Graph;
  /** How often it found something to do. */
  readonly changes: number;
}
