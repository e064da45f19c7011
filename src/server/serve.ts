// The composition: engine, learner, gRPC and HTTP put together, started in order and stopped in reverse.
import { status as Status } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { loadBackbone } from '../engine/index.js';
import { classify, type Learning, type LearningOptions, startLearning } from '../learner/index.js';
import { declaredHeads, type LoadBackbone, loadBackbones } from './backbones.js';
import type { Batcher } from './batching/batcher.js';
import type { Config } from './config/index.js';
import { StatusError } from './errors.js';
import { inferenceService } from './grpc/inference-service.js';
import { learningService } from './grpc/learning-service.js';
import { GrpcServer } from './grpc/server.js';
import { createDecoder, type DecodeImages } from './images/decode.js';
import type { Classify } from './inference/evaluate.js';
import { Gate } from './inference/gate.js';
import { Models } from './inference/models.js';
import { learningOptions } from './learning-options.js';
import { Metrics } from './metrics/metrics.js';
import { OpsServer } from './ops/http.js';
import { Readiness } from './ops/readiness.js';
import { listenError } from './start-error.js';
import { packageVersion } from './version.js';

export interface RunningServer {
  /** undefined without the role `serve`. */
  readonly grpcPort: number | undefined;
  readonly httpPort: number;
  /** Resolves when backbones and heads are loaded; pending while NATS is away. */
  readonly ready: Promise<void>;
  /** Stops: not ready first, then what was accepted is answered, then the learner's side ends. May be called again. */
  close(): Promise<void>;
}

/** The parts from the other folders; tests put in their own. */
export interface ServeParts {
  readonly loadBackbone: LoadBackbone;
  readonly startLearning: (options: LearningOptions) => Promise<Learning>;
  readonly classify: Classify;
}

const REAL_PARTS: ServeParts = { loadBackbone, startLearning, classify };
const READY_POLL_MS = 50;
/** After the last answer, for clients that hold a stream (health watches) open. */
const CLOSE_GRACE_MS = 500;
/** Heads on their way in or out as files, at once: each is held in memory as a whole. */
const MAX_TRANSFERS = 2;

/**
 * Starts the service. Resolves when it listens; heads may still be on their way from NATS (see `ready`).
 * @param signal Ends the loading of backbones, which may take long. Once it listens, `close` ends it.
 * @throws StartError, EngineError or LearnerError: one line that names what to change. What had started is stopped then.
 */
export async function serve(
  config: Config,
  log: Logger,
  parts: ServeParts = REAL_PARTS,
  signal?: AbortSignal,
): Promise<RunningServer> {
  const stops: (() => Promise<void>)[] = [];
  try {
    return await start(config, log, parts, stops, signal);
  } catch (error) {
    for (const stop of stops.reverse()) await stop().catch((failure) => log.warn({ err: failure }, 'while stopping'));
    throw error;
  }
}

async function start(
  config: Config,
  log: Logger,
  parts: ServeParts,
  stops: (() => Promise<void>)[],
  signal: AbortSignal | undefined,
): Promise<RunningServer> {
  const { host } = config.server;
  const serving = config.roles.includes('serve');
  const readiness = new Readiness();
  const metrics = new Metrics();
  const logError = (message: string, error: unknown) => log.error({ err: error }, message);
  const decode = createDecoder(config.images);

  readiness.set('heads', 'waiting for NATS');
  if (serving) readiness.set('backbones', 'loading');
  if (serving && config.backbones.length === 0) {
    log.warn(
      'nothing can be served: no backbone is configured; add the key `backbones` (a list, each with name and model)',
    );
  }
  const ops = new OpsServer({ readiness, metrics: () => metrics.text(), logError });
  const httpPort = await ops.listen(host, config.server.httpPort).catch((error) => {
    throw listenError(error, host, config.server.httpPort, 'server.httpPort');
  });
  stops.push(() => ops.close());

  const batchers = serving
    ? await loadBackbones(
        config,
        parts.loadBackbone,
        (line, level = 'info') => log[level](line),
        (name, count) => metrics.batch(name, count),
        signal,
      )
    : new Map<string, Batcher>();
  stops.push(() => closeBackbones(batchers));
  metrics.serve(batchers);
  readiness.set('backbones', undefined);

  const observer = metrics.observer((level, message, fields) => log[level](fields ?? {}, message));
  const learning = await parts.startLearning(learningOptions(config, batchers, decode, observer));
  stops.push(() => learning.close());
  metrics.learn(learning);
  const { ready, stop: stopWaiting } = waitForHeads(config, learning, batchers, readiness);
  stops.push(async () => stopWaiting());

  const grpc = serving ? startGrpc(config, log, { parts, learning, batchers, decode, metrics, readiness }) : undefined;
  const grpcPort = await grpc?.server.listen(host, config.server.grpcPort).catch((error) => {
    throw listenError(error, host, config.server.grpcPort, 'server.grpcPort');
  });
  if (grpc !== undefined) stops.push(() => grpc.close());

  let closing: Promise<void> | undefined;
  const close = async () => {
    readiness.set('process', 'stopping');
    for (const stop of stops.reverse()) await stop();
  };
  return {
    grpcPort,
    httpPort,
    ready,
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

interface GrpcParts {
  readonly parts: ServeParts;
  readonly learning: Learning;
  readonly batchers: ReadonlyMap<string, Batcher>;
  readonly decode: DecodeImages;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
}

function startGrpc(
  { roles, server: settings, labels, limits }: Config,
  log: Logger,
  { parts, learning, batchers, decode, metrics, readiness }: GrpcParts,
): { server: GrpcServer; close: () => Promise<void> } {
  const logError = (message: string, error: unknown) => log.error({ err: error }, message);
  const stopping = new AbortController();
  const draining = stopping.signal;
  const tooMany = (what: string, key: string) => (limit: number) =>
    new StatusError(key === 'labels.inFlight' ? 'labels_full' : 'requests_full', `more than ${limit} ${what} (${key})`);
  const requestGate = new Gate(
    settings.maxConcurrentRequests,
    tooMany('requests at once', 'server.maxConcurrentRequests'),
  );
  const headGate = new Gate(settings.maxConcurrentRequests, tooMany('calls at once', 'server.maxConcurrentRequests'));
  const transferGate = new Gate(
    MAX_TRANSFERS,
    (limit) => new StatusError('requests_full', `more than ${limit} exports and imports at once; try again later`),
  );
  const labelGate = new Gate(labels.inFlight, tooMany('labels in flight', 'labels.inFlight'));
  const common = { learning, streamWindow: settings.streamWindow, draining, logError };
  const server = new GrpcServer({
    maxMessageBytes: settings.maxMessageBytes,
    onRefused: (path, error) => {
      log.warn({ path, code: error.code }, error.message);
      if (path.endsWith('Infer')) metrics.refused(Status[error.status]);
    },
    inference: inferenceService({
      ...common,
      models: new Models(batchers, learning.heads),
      decode,
      classify: parts.classify,
      gate: requestGate,
      version: packageVersion,
      ready: () => readiness.ready,
      onRequest: (model, code, totalMs, timings) => metrics.request(model, code, totalMs, timings),
    }),
    learning: learningService({
      ...common,
      backbones: batchers,
      labelGate,
      labelsInFlight: labels.inFlight,
      joins: roles.includes('join'),
      headGate,
      transferGate,
      maxHeads: limits.heads,
      maxHeadBytes: limits.headBytes,
    }),
  });
  server.setServing(readiness.ready);
  readiness.onChange((ready) => server.setServing(ready));

  const close = async () => {
    stopping.abort();
    const answered = Promise.all([requestGate.drain(), headGate.drain(), labelGate.drain()]);
    await Promise.race([answered, sleepUnref(settings.drainTimeout)]);
    await server.close(CLOSE_GRACE_MS);
  };
  return { server, close };
}

/** Keeps the readiness told of heads until they are loaded for the first time: losing NATS later does not stop serving. */
function waitForHeads(
  config: Config,
  learning: Learning,
  batchers: ReadonlyMap<string, Batcher>,
  readiness: Readiness,
): { ready: Promise<void>; stop: () => void } {
  let timer: NodeJS.Timeout | undefined;
  const ready = new Promise<void>((resolve) => {
    const look = () => {
      const reason = headsReason(config, learning, batchers);
      readiness.set('heads', reason);
      if (reason === undefined) resolve();
      else timer = setTimeout(look, READY_POLL_MS);
    };
    look();
  });
  return { ready, stop: () => clearTimeout(timer) };
}

/** What is missing before heads can be served and taught; undefined: nothing. */
function headsReason(
  config: Config,
  { heads, connected, problem }: Learning,
  batchers: ReadonlyMap<string, Batcher>,
): string | undefined {
  if (!heads.loaded) return problem ?? 'waiting for the list of heads';
  const missing = declaredHeads(config.heads, batchers).find(({ name }) => heads.status(name) === undefined);
  if (missing !== undefined) return `head "${missing.name}" is not created yet${problem ? `: ${problem}` : ''}`;
  const loading = heads.list().find(({ state }) => state === 'loading');
  if (loading !== undefined) return `head "${loading.definition.name}" is loading`;
  // Heads come from NATS, but labels can be stored a moment later only.
  return connected ? undefined : (problem ?? 'waiting for NATS');
}

async function closeBackbones(batchers: ReadonlyMap<string, Batcher>): Promise<void> {
  for (const batcher of batchers.values()) {
    batcher.close();
    await batcher.backbone.close();
  }
}

function sleepUnref(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
