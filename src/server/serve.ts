// The composition: engine, learner, gRPC and HTTP put together, started in order and stopped in reverse.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { loadBackbone } from '../engine/index.js';
import {
  classify,
  type Learning,
  type LearningObserver,
  type LearningOptions,
  startLearning,
} from '../learner/index.js';
import { type LoadBackbone, loadBackbones } from './backbones.js';
import type { Batcher } from './batching/batcher.js';
import type { Config } from './config/index.js';
import { createDecoder } from './images/decode.js';
import type { Classify } from './inference/evaluate.js';
import { learningOptions } from './learning-options.js';
import { Metrics } from './metrics/metrics.js';
import { metricsPage } from './metrics/metrics-page.js';
import { addSecurityMetrics } from './metrics/security-metrics.js';
import { HttpApi } from './ops/api/api.js';
import type { ApiParts } from './ops/api/parts.js';
import { Layers } from './ops/engine/layers.js';
import { Recorder } from './ops/history/recorder.js';
import { OpsServer } from './ops/http.js';
import { PageFiles } from './ops/page-files.js';
import { Readiness } from './ops/readiness.js';
import { openSecurity, type Security } from './security/security.js';
import { startGrpc } from './start/grpc.js';
import { waitForHeads } from './start/heads-ready.js';
import { learningLog } from './start/learning-log.js';
import { type Stop, stopAll } from './start/stop-all.js';
import { warmUp } from './start/warm-up.js';
import { listenError } from './start-error.js';
import { openTracing } from './tracing/open-tracing.js';
import { packageVersion } from './version.js';

export interface RunningServer {
  /** undefined without the role `serve`. */
  readonly grpcPort: number | undefined;
  readonly httpPort: number;
  /** Resolves when backbones and heads are loaded; pending while NATS is away. */
  readonly ready: Promise<void>;
  /**
   * Stops: not ready first, then (after a delay) nothing new is taken, what was accepted is answered, and the learner's side ends. May be called
   * again. All of it is stopped even if a part can't be.
   * @param delayMs how long new requests are still taken: until balancers have seen that it is not ready. Default: 0.
   * @throws the first failure, when everything has been stopped.
   */
  close(delayMs?: number): Promise<void>;
}

/** The parts from the other folders; tests put in their own. */
export interface ServeParts {
  readonly loadBackbone: LoadBackbone;
  readonly startLearning: (options: LearningOptions) => Promise<Learning>;
  readonly classify: Classify;
}

const REAL_PARTS: ServeParts = { loadBackbone, startLearning, classify };

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
  const stops: Stop[] = [];
  try {
    return await start(config, log, parts, stops, signal);
  } catch (error) {
    await stopAll(stops, (failure) => log.warn({ err: failure }, 'while stopping')).catch(() => undefined);
    throw error;
  }
}

async function start(
  config: Config,
  log: Logger,
  parts: ServeParts,
  stops: Stop[],
  signal: AbortSignal | undefined,
): Promise<RunningServer> {
  const { host } = config.server;
  const serving = config.roles.includes('serve');
  const readiness = new Readiness();
  const tracing = await openTracing(config, (message) => log.warn({ event: 'traces_not_sent' }, message));
  if (tracing !== undefined) stops.push(() => tracing.close());
  const metrics = new Metrics({ exemplars: tracing !== undefined });
  const logError = (message: string, error: unknown) => log.error({ err: error }, message);
  const security = await openSecurity(config.security, host, (level, message) => log[level](message));
  stops.push(async () => security.close());
  addSecurityMetrics(metrics.registry, security);
  // Nothing is decoded without the role: no processes for it then.
  const decoding = serving ? config.images : { ...config.images, isolation: 'none' as const };
  const { learningShare } = config.batch;
  const decode = createDecoder({ ...decoding, learningShare }, (line) => log.warn(line));
  stops.push(() => decode.close());

  readiness.set('heads', 'waiting for NATS');
  if (serving) readiness.set('backbones', 'loading');
  if (serving && config.backbones.length === 0) {
    log.warn(
      'nothing can be served: no backbone is configured; add the key `backbones` (a list, each with name and model)',
    );
  }
  const recorder = new Recorder();
  const apiParts = pageParts(config, { readiness, security, recorder, logError });
  stops.push(async () => apiParts.layers.close());
  const { guard, tls, onTlsError } = security;
  const ops = new OpsServer({
    ...{ readiness, metrics: (accept) => metricsPage(metrics, accept), guard, tls, onTlsError, logError },
    page: new PageFiles(),
    api: new HttpApi(apiParts),
  });
  const httpPort = await ops.listen(host, config.server.httpPort).catch((error) => {
    throw listenError(error, host, config.server.httpPort, 'server.httpPort');
  });
  stops.push(() => ops.close());

  const backbones = await loadBackbones(
    serving ? config : { ...config, backbones: [] },
    parts.loadBackbone,
    (line, level = 'info') => log[level]({ event: 'backbone' }, line),
    (name, count) => metrics.batch(name, count),
    signal,
  );
  stops.push(() => backbones.close());
  apiParts.backbones = backbones;
  const batchers = backbones.loaded;
  metrics.serve(batchers);
  recorder.serve(batchers);
  if (config.server.warmUp) await warmUpAll(config, batchers, log, signal);
  readiness.set('backbones', undefined);

  const logLine: LearningObserver['log'] = (level, message, fields) => log[level](fields ?? {}, message);
  const observer = { ...learningLog(metrics.observer(logLine), log), tracer: tracing?.learning };
  const learning = await parts.startLearning(learningOptions(config, batchers, decode, observer));
  stops.push(() => timed(log, 'learning_stopped', 'heads are handed over', () => learning.close()));
  metrics.learn(learning);
  apiParts.learning = learning;
  recorder.learn(learning);
  recorder.start();
  stops.push(async () => recorder.stop());
  const { ready, stop: stopWaiting } = waitForHeads(config, learning, batchers, readiness);
  stops.push(async () => stopWaiting());

  const { classify } = parts;
  const onRequest = (code: string, totalMs: number) => recorder.traffic.request(code, totalMs);
  const grpc = serving
    ? await startGrpc(config, log, {
        classify,
        learning,
        backbones,
        decode,
        metrics,
        readiness,
        security,
        tracing,
        onRequest,
      })
    : undefined;
  apiParts.services = grpc?.services;
  if (grpc !== undefined) stops.push(() => timed(log, 'drained', 'accepted requests are answered', () => grpc.close()));

  let closing: Promise<void> | undefined;
  const close = async (delayMs: number) => {
    // Who is not ready gets no requests anyway.
    const wait = readiness.ready ? delayMs : 0;
    readiness.set('process', 'stopping');
    log.info({ event: 'not_ready', delayMs: wait }, 'not ready any more: balancers have so long to see it');
    await sleep(wait);
    await stopAll(stops, (error) => logError('while stopping', error));
  };
  return {
    grpcPort: grpc?.port,
    httpPort,
    ready,
    close: (delayMs = 0) => {
      closing ??= close(delayMs);
      return closing;
    },
  };
}

/** What the page and its API tell of; what loads later is put in when it is there. */
function pageParts(
  config: Config,
  parts: Pick<ApiParts, 'readiness' | 'recorder' | 'logError'> & { readonly security: Security },
): ApiParts {
  const { security, recorder, ...rest } = parts;
  return {
    ...rest,
    config,
    version: packageVersion,
    startedAtMs: Date.now(),
    callers: security.callers,
    credentialsRequired: security.credentialsRequired,
    onDenied: ({ socket }) =>
      security.failures.record('permission_denied', 'the API over HTTP', socket.remoteAddress ?? 'unknown'),
    recorder,
    layers: new Layers({ isa: config.engine.isa, busy: () => recorder.traffic.busy }),
    learning: undefined,
    backbones: undefined,
    services: undefined,
  };
}

/** A step of stopping, with the time it took. */
async function timed(log: Logger, event: string, message: string, step: () => Promise<void>): Promise<void> {
  const start = performance.now();
  await step();
  log.info({ event, ms: Math.round(performance.now() - start) }, message);
}

async function warmUpAll(
  { backbones, batch }: Config,
  batchers: ReadonlyMap<string, Batcher>,
  log: Logger,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const [name, batcher] of batchers) {
    const size = backbones.find((entry) => entry.name === name)?.batch.size ?? batch.size;
    const ms = await warmUp(batcher, size, signal);
    log.info(
      { event: 'backbone' },
      `backbone ${name}: warmed up with batches of 1 and ${size} in ${(ms / 1000).toFixed(2)} s`,
    );
  }
}
