// `headwater serve` as a process: log, signals, exit.
import type { Config } from './config/index.js';
import { createLog } from './log.js';
import { type RunningServer, type ServeParts, serve } from './serve.js';
import { configSummary } from './start/config-summary.js';
import { growHeapGenerously } from './start/heap.js';
import { packageVersion } from './version.js';

/** How long what could not be stopped may keep the process. */
const LEFT_OVER_MS = 5000;

/**
 * Serves until SIGTERM or SIGINT, then drains, or gives up loading its backbones; a second signal ends the process at once. Logs go
 * to stderr as JSON lines, one line to stdout when it is ready.
 * @returns the exit status: 1 when a part could not be stopped. @throws StartError, EngineError or LearnerError when it can't start.
 */
export async function runServer(config: Config, parts?: ServeParts): Promise<number> {
  growHeapGenerously();
  const log = createLog(config.log.level);
  const about = { version: packageVersion, node: process.version, pid: process.pid };
  log.info({ event: 'starting', ...about, config: configSummary(config) }, `headwater ${packageVersion} starts`);
  const stopping = new AbortController();
  const stopped = signalled(log).then((signal) => {
    stopping.abort();
    return signal;
  });
  let server: RunningServer;
  try {
    server = await serve(config, log, parts, stopping.signal);
  } catch (error) {
    if (!stopping.signal.aborted) throw error;
    log.info({ event: 'stopped' }, 'stopped before it listened');
    return 0;
  }
  const scheme = config.security.tls.certificate === null ? 'http' : 'https';
  const where = (port: number) => `${config.server.host}:${port}`;
  const grpc = server.grpcPort === undefined ? '' : `gRPC ${where(server.grpcPort)}, `;
  log.info(
    { event: 'listening', grpcPort: server.grpcPort, httpPort: server.httpPort, roles: config.roles },
    'listening',
  );
  void server.ready.then(() => {
    log.info({ event: 'ready' }, 'ready: backbones and heads are loaded');
    process.stdout.write(`headwater is ready: ${grpc}HTTP ${scheme}://${where(server.httpPort)}\n`);
  });
  // SIGTERM comes from an orchestrator, whose balancers go on sending for a while; Ctrl-C from a person, who waits.
  const delayMs = (await stopped) === 'SIGTERM' ? config.server.drainDelay : 0;
  try {
    await server.close(delayMs);
  } catch {
    // Each failure was logged. Sockets and timers of what could not be stopped must not hold the process: its supervisor waits for the end.
    log.error({ event: 'stopped' }, 'stopped, but not all of it: the process ends with status 1');
    setTimeout(() => process.exit(1), LEFT_OVER_MS).unref();
    return 1;
  }
  log.info({ event: 'stopped' }, 'stopped');
  return 0;
}

/** Resolves with the first SIGTERM or SIGINT; the second one ends the process by itself. */
function signalled(log: { info(fields: object, message: string): void }): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let signals = 0;
    const onSignal = (signal: NodeJS.Signals) => {
      signals++;
      if (signals > 1) {
        // Back to the signal's own effect. process.exit() would stop worker threads in the middle of native code: ONNX
        // Runtime's binding aborts the process then.
        process.removeAllListeners(signal);
        process.kill(process.pid, signal);
        return;
      }
      log.info(
        { event: 'stopping', signal },
        'stopping: accepted requests are answered first; once more to stop at once',
      );
      resolve(signal);
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
}
