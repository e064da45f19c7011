// The gRPC side put together: the gates in front of the services, the server, and how it stops.
import { setMaxListeners } from 'node:events';
import { status as Status } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import type { GRPCInferenceServiceHandlers, LearningServiceHandlers } from '../../../protos/index.js';
import type { Learning } from '../../learner/index.js';
import type { Config } from '../config/index.js';
import { StatusError } from '../errors.js';
import { inferenceService } from '../grpc/inference-service.js';
import { learningService } from '../grpc/learning-service.js';
import { GrpcServer } from '../grpc/server.js';
import type { DecodeImages } from '../images/decode.js';
import type { Classify } from '../inference/evaluate.js';
import { Evaluator } from '../inference/evaluator.js';
import { Gate } from '../inference/gate.js';
import { Models } from '../inference/models.js';
import type { Metrics } from '../metrics/metrics.js';
import { addTransportMetrics } from '../metrics/transport-metrics.js';
import type { Readiness } from '../ops/readiness.js';
import type { BackboneRegistry } from '../repository/backbone-registry.js';
import type { Security } from '../security/security.js';
import { listenError } from '../start-error.js';
import type { Tracing } from '../tracing/tracing.js';
import { packageVersion } from '../version.js';
import { LogSeldom } from './log-seldom.js';
import { availableMemory, checkMemory, MAX_TRANSFERS } from './memory-check.js';
import { requestLog } from './request-log.js';

export interface GrpcParts {
  readonly classify: Classify;
  readonly learning: Learning;
  readonly backbones: BackboneRegistry;
  readonly decode: DecodeImages;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  readonly security: Pick<Security, 'credentials' | 'interceptor' | 'onTlsError'>;
  /** undefined: no traces. */
  readonly tracing: Tracing | undefined;
  /** Told of each answered request, beside the metrics. */
  readonly onRequest?: (code: string, totalMs: number) => void;
}

export interface RunningGrpc {
  readonly port: number;
  /** What answers the calls, for those that do not come by gRPC. */
  readonly services: GrpcServices;
  /** Refuses what comes, answers what was accepted (within server.drainTimeout), ends. */
  close(): Promise<void>;
}

/** Starts the gRPC server. @throws StartError when it can't listen, or clients could make it hold more than there is. */
export async function startGrpc(config: Config, log: Logger, parts: GrpcParts): Promise<RunningGrpc> {
  const { server: settings } = config;
  const warning = checkMemory(config, availableMemory());
  if (warning !== undefined) log.warn(`in the worst case ${warning}`);
  const stopping = new AbortController();
  // Each open stream listens: Node.js would warn of a leak from the eleventh on.
  setMaxListeners(0, stopping.signal);
  const gates = makeGates(config);
  const services = makeServices(config, log, parts, gates, stopping.signal);
  const server = makeServer(config, log, parts, services);
  addTransportMetrics(parts.metrics.registry, server, settings);
  server.setServing(parts.readiness.ready);
  parts.readiness.onChange((ready) => server.setServing(ready));
  const port = await server.listen(settings.host, settings.grpcPort).catch((error) => {
    throw listenError(error, settings.host, settings.grpcPort, 'server.grpcPort');
  });
  const close = async () => {
    stopping.abort();
    // Each refuses what is new from here on; what was accepted is over when the last call is.
    for (const gate of Object.values(gates)) void gate.drain();
    await server.close(settings.drainTimeout);
  };
  return { port, services, close };
}

interface Gates {
  readonly requests: Gate;
  readonly heads: Gate;
  readonly transfers: Gate;
  readonly labels: Gate;
}

function makeGates({ server, labels }: Config): Gates {
  const tooMany = (what: string, key: string) => (limit: number) =>
    new StatusError(key === 'labels.inFlight' ? 'labels_full' : 'requests_full', `more than ${limit} ${what} (${key})`);
  return {
    requests: new Gate(server.maxConcurrentRequests, tooMany('requests at once', 'server.maxConcurrentRequests')),
    heads: new Gate(server.maxConcurrentRequests, tooMany('calls at once', 'server.maxConcurrentRequests')),
    transfers: new Gate(
      MAX_TRANSFERS,
      (limit) => new StatusError('requests_full', `more than ${limit} exports and imports at once; try again later`),
    ),
    labels: new Gate(labels.inFlight, tooMany('labels in flight', 'labels.inFlight')),
  };
}

export interface GrpcServices {
  readonly inference: GRPCInferenceServiceHandlers;
  readonly learning: LearningServiceHandlers;
}

function makeServices(
  { roles, server: settings, labels, limits, repository, log: logging }: Config,
  log: Logger,
  { classify, learning, backbones, decode, metrics, readiness, tracing, onRequest }: GrpcParts,
  gates: Gates,
  draining: AbortSignal,
): GrpcServices {
  const errors = new LogSeldom((fields, message, suppressed) =>
    log.error(suppressed > 0 ? { ...fields, alsoFailed: suppressed } : fields, message),
  );
  // A model that fails fails every request.
  const logError = (message: string, error: unknown) =>
    errors.tell('internal', { event: 'internal_error', err: error }, message);
  const common = { learning, streamWindow: settings.streamWindow, draining, logError };
  const logRequest = requestLog(logging.requests, log);
  return {
    inference: inferenceService({
      ...common,
      models: new Models(backbones, learning.heads),
      decode,
      evaluator: new Evaluator({
        classify,
        bytes: settings.queueBytes,
        clientShare: settings.clientShare,
      }),
      gate: gates.requests,
      repositoryFolder: repository.folder,
      logLevel: logging.level,
      version: packageVersion,
      ready: () => readiness.ready,
      tracing,
      onRequest: (model, code, totalMs, timings, details) => {
        metrics.request(model, code, totalMs, timings, details.traceId);
        logRequest(model, code, totalMs, timings, details);
        onRequest?.(code, totalMs);
      },
    }),
    learning: learningService({
      ...common,
      backbones,
      labelGate: gates.labels,
      labelsInFlight: labels.inFlight,
      joins: roles.includes('join'),
      headGate: gates.heads,
      transferGate: gates.transfers,
      maxHeads: limits.heads,
      maxHeadBytes: limits.headBytes,
      traced: tracing !== undefined,
      logAct: (event, fields, message) => log.info({ event, ...fields }, message),
    }),
  };
}

function makeServer(
  { server: settings }: Config,
  log: Logger,
  { metrics, security }: GrpcParts,
  services: GrpcServices,
): GrpcServer {
  const refusals = new LogSeldom((fields, message, suppressed) =>
    log.warn(suppressed > 0 ? { ...fields, alsoRefused: suppressed } : fields, message),
  );
  return new GrpcServer({
    settings,
    credentials: security.credentials,
    admit: security.interceptor,
    onTlsError: security.onTlsError,
    onRefused: (path, error) => {
      refusals.tell(error.code, { event: 'refused', path, code: error.code }, error.message);
      if (path.endsWith('Infer')) metrics.refused(Status[error.status]);
    },
    onConnectionClosed: (reason, address) =>
      refusals.tell(
        reason.slice(0, 20),
        { event: 'connection_closed', address },
        `a gRPC connection was closed: ${reason}`,
      ),
    ...services,
  });
}
