// The gRPC server itself: services, limits, keepalive, health, reflection, start and stop.
import { isIPv6 } from 'node:net';
import { logVerbosity, Server, ServerCredentials, type ServerInterceptor, setLogVerbosity } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation, protoPath as healthProtoPath, type ServingStatusMap } from 'grpc-health-check';
import {
  type GRPCInferenceServiceHandlers,
  inference,
  type LearningServiceHandlers,
  learning,
  reflectionDefinition,
} from '../../../protos/index.js';
import type { StatusError } from '../errors.js';
import { explainRefusals } from './limits.js';

/** Names that grpc.health.v1 knows: the process, and each service. */
const HEALTH_NAMES = ['', 'inference.GRPCInferenceService', 'headwater.v1.LearningService'];

export interface GrpcServerOptions {
  readonly maxMessageBytes: number;
  /** Default: plain text. */
  readonly credentials?: ServerCredentials | undefined;
  /** Lets calls in, or refuses them, before a message is read. */
  readonly admit: ServerInterceptor;
  readonly inference: GRPCInferenceServiceHandlers;
  readonly learning: LearningServiceHandlers;
  /** Told of what grpc-js refused before a handler could. */
  readonly onRefused: (path: string, error: StatusError) => void;
}

export class GrpcServer {
  private readonly server: Server;
  private readonly credentials: ServerCredentials;
  private readonly health: HealthImplementation;

  constructor(options: GrpcServerOptions) {
    this.credentials = options.credentials ?? ServerCredentials.createInsecure();
    this.server = new Server({
      'grpc.max_receive_message_length': options.maxMessageBytes,
      'grpc.max_send_message_length': -1,
      // Finds dead peers; more often would only cost.
      'grpc.keepalive_time_ms': 60_000,
      'grpc.keepalive_timeout_ms': 20_000,
      interceptors: [explainRefusals(options.maxMessageBytes, options.onRefused), options.admit],
    });
    this.server.addService(inference.GRPCInferenceService.service, options.inference);
    this.server.addService(learning.LearningService.service, options.learning);
    const initial: ServingStatusMap = {};
    for (const name of HEALTH_NAMES) initial[name] = 'NOT_SERVING';
    this.health = new HealthImplementation(initial);
    this.health.addToServer(this.server);
    new ReflectionService({ ...reflectionDefinition(), ...loadSync(healthProtoPath) }).addToServer(this.server);
  }

  /** @returns the port, of use when 0 was asked for. @throws Error with a `code` such as EADDRINUSE when it can't listen. */
  listen(host: string, port: number): Promise<number> {
    // grpc-js logs a failed bind by itself; the caller tells it better.
    setLogVerbosity(logVerbosity.NONE);
    const address = `${isIPv6(host) ? `[${host}]` : host}:${port}`;
    return new Promise((resolve, reject) => {
      this.server.bindAsync(address, this.credentials, (error, bound) => {
        setLogVerbosity(logVerbosity.ERROR);
        if (error) reject(error);
        else resolve(bound);
      });
    });
  }

  /** What grpc.health.v1 answers. */
  setServing(serving: boolean): void {
    for (const name of HEALTH_NAMES) this.health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING');
  }

  /** Takes no new connection; resolves when the calls in progress have ended, or after `graceMs` has ended them. */
  async close(graceMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const graceful = new Promise<void>((resolve) => this.server.tryShutdown(() => resolve()));
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, graceMs);
    });
    await Promise.race([graceful, late]);
    clearTimeout(timer);
    this.server.forceShutdown();
  }
}
