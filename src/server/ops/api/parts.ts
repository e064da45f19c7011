import type { IncomingMessage } from 'node:http';
import type { Learning } from '../../../learner/index.js';
import type { Config } from '../../config/index.js';
import type { BackboneRegistry } from '../../repository/backbone-registry.js';
import type { HttpCallers } from '../../security/http-guard.js';
import type { GrpcServices } from '../../start/grpc.js';
import type { Layers } from '../engine/layers.js';
import type { Recorder } from '../history/recorder.js';
import type { Readiness } from '../readiness.js';

/** What the API tells of and acts on. What is undefined is not there yet (or, in processes that do not serve, never). */
export interface ApiParts {
  readonly config: Config;
  readonly version: string;
  readonly startedAtMs: number;
  readonly readiness: Readiness;
  readonly callers: HttpCallers;
  readonly credentialsRequired: boolean;
  /** Told of requests whose credentials do not allow what they ask for. */
  readonly onDenied: (request: IncomingMessage) => void;
  readonly recorder: Recorder;
  readonly layers: Layers;
  readonly logError: (message: string, error: unknown) => void;
  learning: Learning | undefined;
  backbones: BackboneRegistry | undefined;
  services: GrpcServices | undefined;
}
