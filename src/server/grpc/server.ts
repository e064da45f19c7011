// The gRPC server itself: services, limits, keepalive, health, reflection, start and stop.
import type { TLSSocket } from 'node:tls';
import {
  type ChannelOptions,
  Server,
  ServerCredentials,
  type ServerInterceptor,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { protoPath as healthProtoPath } from 'grpc-health-check';
import {
  type GRPCInferenceServiceHandlers,
  inference,
  type LearningServiceHandlers,
  learning,
  reflectionDefinition,
} from '../../../protos/index.js';
import type { Config } from '../config/index.js';
import { StatusError } from '../errors.js';
import { Health } from './health.js';
import { explainRefusals } from './limits.js';
import { shortenTimeout } from './long-deadline.js';
import { Connections } from './transport/connections.js';
import { checkGrpcJs, connectionInjector, setHttp2Settings } from './transport/grpc-js.js';
import { MemoryBudget } from './transport/memory-budget.js';
import { STREAM_WINDOW_BYTES } from './transport/open-call.js';
import { OpenCalls } from './transport/open-calls.js';
import { requestShapes } from './transport/request-shapes.js';

/** For calls that did not end in time: their clients are told, and then cut off. */
const CUT_OFF_MS = 500;
/** grpc-js's word for never. */
const NEVER_MS = 2 ** 31 - 1;

export interface GrpcServerOptions {
  readonly settings: Config['server'];
  /** Default: plain text. */
  readonly credentials?: ServerCredentials | undefined;
  /** Lets calls in, or refuses them, before a message is read. */
  readonly admit: ServerInterceptor;
  /** Told of TLS connections that came to nothing. */
  readonly onTlsError: (error: Error, socket: TLSSocket) => void;
  readonly inference: GRPCInferenceServiceHandlers;
  readonly learning: LearningServiceHandlers;
  /** Told of what was refused before a handler could. */
  readonly onRefused: (path: string, error: StatusError) => void;
  /** Told of connections that the server closed, as a sentence that names the key. */
  readonly onConnectionClosed: (reason: string, address: string) => void;
}

/** What clients make the server hold now. */
export interface GrpcUsage {
  readonly connections: number;
  readonly calls: number;
  /** Bytes of requests, and of answers that were not taken yet. */
  readonly receiveBytes: number;
  readonly sendBytes: number;
}

export class GrpcServer {
  private readonly server: Server;
  private readonly connections: Connections;
  private readonly calls: OpenCalls;
  private readonly receive: MemoryBudget;
  private readonly send: MemoryBudget;
  private readonly health = new Health();

  /** @throws StartError when the installed grpc-js is not the one that this was written for. */
  constructor(options: GrpcServerOptions) {
    const { settings } = options;
    checkGrpcJs();
    this.receive = new MemoryBudget(settings.receiveMemory);
    this.send = new MemoryBudget(settings.sendMemory);
    this.calls = new OpenCalls({
      ...settings,
      shapes: requestShapes(),
      receive: this.receive,
      send: this.send,
      onRefused: options.onRefused,
      onSent: (session) => this.connections.dataSent(session),
    });
    this.server = new Server({
      ...channelOptions(settings),
      interceptors: [
        this.calls.interceptor,
        explainRefusals(settings.maxMessageBytes, options.onRefused),
        options.admit,
      ],
    });
    setHttp2Settings(this.server, {
      maxHeaderListSize: settings.maxMetadataBytes,
      initialWindowSize: STREAM_WINDOW_BYTES,
    });
    const { inject, http2 } = connectionInjector(
      this.server,
      options.credentials ?? ServerCredentials.createInsecure(),
    );
    this.connections = new Connections({ ...settings, onClosed: options.onConnectionClosed }, inject);
    http2.on('session', (session) => this.connections.begin(session));
    http2.on('tlsClientError', options.onTlsError);
    http2.prependListener('stream', (stream, headers) => {
      shortenTimeout(headers);
      this.calls.begin(stream, headers);
    });

    this.server.addService(inference.GRPCInferenceService.service, options.inference);
    this.server.addService(learning.LearningService.service, options.learning);
    this.server.addService(this.health.definition, this.health.handlers as unknown as UntypedServiceImplementation);
    new ReflectionService({ ...reflectionDefinition(), ...loadSync(healthProtoPath) }).addToServer(this.server);
  }

  /** @returns the port, of use when 0 was asked for. @throws Error with a `code` such as EADDRINUSE when it can't listen. */
  listen(host: string, port: number): Promise<number> {
    return this.connections.listen(host, port);
  }

  get usage(): GrpcUsage {
    return {
      connections: this.connections.count,
      calls: this.calls.count,
      receiveBytes: this.receive.used,
      sendBytes: this.send.used,
    };
  }

  /** What grpc.health.v1 answers. */
  setServing(serving: boolean): void {
    this.health.setServing(serving);
  }

  /**
   * Takes no new connection, tells clients to go elsewhere (GOAWAY), and resolves when every call has ended and its answer is sent; or
   * after `timeoutMs`, when those that are left were ended with UNAVAILABLE.
   */
  async close(timeoutMs: number): Promise<void> {
    this.connections.stop();
    const closed = new Promise<void>((resolve) => this.server.tryShutdown(() => resolve()));
    const stopping = new StatusError('draining', 'the server is stopping; try another replica');
    // Watches of health and reflection end with their client only; half a request would be refused when the rest is there.
    this.calls.endWhere(({ method, awaitsRequest }) => awaitsRequest || method.path.startsWith('/grpc.'), stopping);
    await within(timeoutMs, closed);
    this.calls.endWhere(() => true, stopping);
    await within(CUT_OFF_MS, closed);
    this.server.forceShutdown();
    this.connections.destroy();
    this.calls.close();
  }
}

function channelOptions(settings: Config['server']): ChannelOptions {
  const orNever = (ms: number) => (ms === 0 ? NEVER_MS : ms);
  return {
    'grpc.max_receive_message_length': settings.maxMessageBytes,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': settings.maxStreams,
    'grpc.keepalive_time_ms': settings.keepaliveTime,
    'grpc.keepalive_timeout_ms': settings.keepaliveTimeout,
    // Of 0, setTimeout would make 1 ms: never is a number of its own.
    'grpc.max_connection_age_ms': orNever(settings.maxConnectionAge),
    'grpc.max_connection_age_grace_ms': orNever(settings.maxConnectionAgeGrace),
    'grpc.max_connection_idle_ms': orNever(settings.maxConnectionIdle),
    // Its statistics cost something a call, and nobody reads them.
    'grpc.enable_channelz': 0,
  };
}

/** Resolves with the work, or when the time is over. */
async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
