// What the server tells of its requests when traces are on.
import type { LearningTracer } from '../../learner/index.js';
import type { Stage } from './stages.js';

export interface TracedRequest {
  /** As answered; empty when it failed before it had one. */
  readonly id: string;
  /** N; 0 when it is not known. */
  readonly images: number;
  readonly model: string;
  /** Name of a gRPC status. */
  readonly code: string;
  /** What the caller was told, when it failed. */
  readonly problem: string | undefined;
  /** `performance.now()` */
  readonly start: number;
  readonly end: number;
  readonly stages: readonly Stage[];
  readonly traceparent: string | undefined;
}

export interface Tracing {
  /** @returns the id of the trace that shows the request; undefined when it is none of those recorded */
  request(request: TracedRequest): string | undefined;
  readonly learning: LearningTracer;
  /** Sends what is left. Resolves, whether that works or not. */
  close(): Promise<void>;
}
