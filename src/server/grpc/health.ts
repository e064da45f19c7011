// grpc.health.v1. Written here because grpc-health-check's own handlers keep every name that anybody ever watched; names come from strangers.
import {
  type handleUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  status as Status,
} from '@grpc/grpc-js';
import { service } from 'grpc-health-check';
import { StatusError, toServiceError } from '../errors.js';

/** Names that are known: the process, and each service. */
const NAMES: readonly string[] = ['', 'inference.GRPCInferenceService', 'headwater.v1.LearningService'];
/** Of all clients together. */
const MAX_WATCHERS = 1000;

type Serving = 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN';
interface HealthRequest {
  readonly service: string;
}
interface HealthResponse {
  readonly status: Serving;
}
type Watcher = ServerWritableStream<HealthRequest, HealthResponse>;

export interface HealthHandlers {
  readonly check: handleUnaryCall<HealthRequest, HealthResponse>;
  readonly watch: (call: Watcher) => void;
  readonly list: handleUnaryCall<unknown, { readonly statuses: Readonly<Record<string, HealthResponse>> }>;
}

/** All names have one status: they are served by one process. */
export class Health {
  readonly definition: ServiceDefinition = service;
  private status: Serving = 'NOT_SERVING';
  /** The watchers of each address, oldest first; `known`: those told of changes. */
  private readonly watchers = new Map<string, Map<Watcher, boolean>>();
  private count = 0;

  /** @param maxWatchers watches open at once; beyond, the address with most of them loses its oldest */
  constructor(private readonly maxWatchers = MAX_WATCHERS) {}

  readonly handlers: HealthHandlers = {
    check: ({ request }, callback) => {
      if (NAMES.includes(request.service)) callback(null, { status: this.status });
      else callback({ code: Status.NOT_FOUND, details: `health of an unknown service; known are ${known()}` });
    },
    watch: (call) => this.watch(call),
    list: (_call, callback) => {
      callback(null, { statuses: Object.fromEntries(NAMES.map((name) => [name, { status: this.status }])) });
    },
  };

  setServing(serving: boolean): void {
    const status = serving ? 'SERVING' : 'NOT_SERVING';
    if (status === this.status) return;
    this.status = status;
    for (const ofAddress of this.watchers.values()) {
      for (const [call, isKnown] of ofAddress) if (isKnown) call.write({ status });
    }
  }

  private watch(call: Watcher): void {
    const isKnown = NAMES.includes(call.request.service);
    const address = call.getPeer().replace(/:\d+$/, '');
    if (this.count >= this.maxWatchers) this.endOne();
    let ofAddress = this.watchers.get(address);
    if (ofAddress === undefined) {
      ofAddress = new Map();
      this.watchers.set(address, ofAddress);
    }
    ofAddress.set(call, isKnown);
    this.count++;
    call.on('cancelled', () => this.forget(address, call));
    // As the protocol has it, the call stays open for a name that is not known.
    call.write({ status: isKnown ? this.status : 'SERVICE_UNKNOWN' });
  }

  private endOne(): void {
    const [address, ofAddress] = [...this.watchers].reduce((most, entry) =>
      entry[1].size > most[1].size ? entry : most,
    );
    const [oldest] = ofAddress.keys();
    if (oldest === undefined) return;
    this.forget(address, oldest);
    oldest.emit(
      'error',
      toServiceError(new StatusError('requests_full', `more than ${this.maxWatchers} health watches`)),
    );
  }

  private forget(address: string, call: Watcher): void {
    const ofAddress = this.watchers.get(address);
    if (ofAddress?.delete(call) !== true) return;
    this.count--;
    if (ofAddress.size === 0) this.watchers.delete(address);
  }
}

function known(): string {
  return NAMES.map((name) => `"${name}"`).join(', ');
}
