import type { JetStreamManager } from 'nats';
import type { ClientTraffic, NatsCluster } from './nats-cluster.js';
import type { Replica } from './replica.js';

/** Counters of all processes at a moment. */
export interface Counters {
  readonly atMs: number;
  readonly headwaterCpuMs: number;
  readonly natsCpuMs: number;
  readonly routedBytes: number;
  /** Of Headwater's connections, by their keys. */
  readonly clients: ReadonlyMap<string, ClientTraffic>;
}

/** What went on between two moments, over all processes of Headwater unless a name says otherwise. */
export interface Change {
  readonly ms: number;
  readonly headwaterCpuMs: number;
  readonly natsCpuMs: number;
  readonly routedBytes: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly messagesOut: number;
  readonly bytesOutOf: ReadonlyMap<string, number>;
}

export async function readCounters(cluster: NatsCluster, replicas: readonly Replica[]): Promise<Counters> {
  const [routedBytes, clients] = await Promise.all([cluster.routedBytes(), headwaterClients(cluster)]);
  return {
    atMs: performance.now(),
    headwaterCpuMs: replicas.reduce((sum, replica) => sum + replica.cpuMs(), 0),
    natsCpuMs: cluster.cpuMs(),
    routedBytes,
    clients: new Map(clients.map((client) => [client.key, client])),
  };
}

export async function headwaterClients(cluster: NatsCluster): Promise<ClientTraffic[]> {
  return (await cluster.clients()).filter(({ name }) => name.startsWith('headwater'));
}

/** @throws Error when a connection was lost in between: its counters are gone */
export function changeOf(before: Counters, after: Counters): Change {
  const sum = (counters: Counters, of: 'bytesIn' | 'bytesOut' | 'messagesOut') =>
    [...counters.clients.values()].reduce((total, client) => total + client[of], 0);
  for (const key of before.clients.keys()) {
    if (!after.clients.has(key))
      throw new Error('a process lost its connection to NATS: this machine is too busy to measure on');
  }
  const difference = (of: 'bytesIn' | 'bytesOut' | 'messagesOut') => sum(after, of) - sum(before, of);
  return {
    ms: after.atMs - before.atMs,
    headwaterCpuMs: after.headwaterCpuMs - before.headwaterCpuMs,
    natsCpuMs: after.natsCpuMs - before.natsCpuMs,
    routedBytes: after.routedBytes - before.routedBytes,
    bytesIn: difference('bytesIn'),
    bytesOut: difference('bytesOut'),
    messagesOut: difference('messagesOut'),
    bytesOutOf: new Map(
      [...after.clients].map(([key, client]) => [key, client.bytesOut - (before.clients.get(key)?.bytesOut ?? 0)]),
    ),
  };
}

/** Share of Headwater's connections that are not to the node that leads the stream. */
export async function awayFrom(cluster: NatsCluster, manager: JetStreamManager, stream: string): Promise<number> {
  const leader = (await manager.streams.info(stream)).cluster?.leader;
  const clients = await headwaterClients(cluster);
  return clients.filter(({ node }) => node !== leader).length / Math.max(1, clients.length);
}

/** Share of the stream's consumers that live on another node than the one a client is connected to. */
export async function feedAwayFrom(
  cluster: NatsCluster,
  manager: JetStreamManager,
  stream: string,
  key: string,
): Promise<number> {
  const node = (await headwaterClients(cluster)).find((client) => client.key === key)?.node;
  const consumers = await manager.consumers.list(stream).next();
  return consumers.filter(({ cluster: place }) => place?.leader !== node).length / Math.max(1, consumers.length);
}
