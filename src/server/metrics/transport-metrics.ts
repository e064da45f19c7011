import { Gauge, type Registry } from 'prom-client';
import type { Config } from '../config/index.js';
import type { GrpcServer } from '../grpc/server.js';

/** Series of what clients make the server hold, each with its limit. */
export function addTransportMetrics(
  registry: Registry,
  server: Pick<GrpcServer, 'usage'>,
  { maxConnections, receiveMemory, sendMemory }: Config['server'],
): void {
  const registers = [registry];
  new Gauge({
    name: 'headwater_grpc_connections',
    help: 'gRPC connections',
    registers,
    collect() {
      this.set(server.usage.connections);
    },
  });
  new Gauge({
    name: 'headwater_grpc_connections_limit',
    help: 'gRPC connections there can be',
    registers,
  }).set(maxConnections);
  new Gauge({
    name: 'headwater_grpc_calls',
    help: 'gRPC calls that are open, streams among them',
    registers,
    collect() {
      this.set(server.usage.calls);
    },
  });
  new Gauge({
    name: 'headwater_grpc_memory_bytes',
    help: 'Memory of requests that are not answered, and of answers that are not taken',
    labelNames: ['what'],
    registers,
    collect() {
      this.set({ what: 'receive' }, server.usage.receiveBytes);
      this.set({ what: 'send' }, server.usage.sendBytes);
    },
  });
  const limits = new Gauge({
    name: 'headwater_grpc_memory_limit_bytes',
    help: 'What they can take',
    labelNames: ['what'],
    registers,
  });
  limits.set({ what: 'receive' }, receiveMemory);
  limits.set({ what: 'send' }, sendMemory);
}
