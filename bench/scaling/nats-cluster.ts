import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect, type NatsConnection } from 'nats';
import { packageFolder } from '../shared-folder.js';
import { cpuMs, folderBytes, freePorts } from './processes.js';

const READY_TIMEOUT_MS = 60_000;

/** A client of the cluster, as a node's monitoring page has it. */
export interface ClientTraffic {
  /** Unique while it is connected. */
  readonly key: string;
  readonly name: string;
  /** The node that it is connected to. */
  readonly node: string;
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

interface Node {
  readonly name: string;
  readonly port: number;
  readonly monitor: number;
  readonly folder: string;
  readonly process: ChildProcess;
}

/** nats-servers with JetStream on loopback, one cluster, in processes of their own. */
export class NatsCluster {
  private constructor(private readonly nodes: readonly Node[]) {}

  /** @throws Error when there is no nats-server, or JetStream has no leader in a minute */
  static async start(folder: string, size = 3): Promise<NatsCluster> {
    const binary = serverBinary();
    const ports = await freePorts(3 * size);
    const routes = ports.slice(2 * size).map((port) => `"nats://127.0.0.1:${port}"`);
    const nodes = Array.from({ length: size }, (_, index): Node => {
      const [port, monitor, route] = [ports[index]!, ports[size + index]!, ports[2 * size + index]!];
      const name = `node-${index}`;
      const own = join(folder, name);
      mkdirSync(own, { recursive: true });
      const file = join(own, 'nats-server.conf');
      writeFileSync(
        file,
        configuration({ name, port, monitor, route, routes, store: join(own, 'store'), log: join(own, 'log') }),
      );
      return { name, port, monitor, folder: own, process: spawn(binary, ['-c', file], { stdio: 'ignore' }) };
    });
    const cluster = new NatsCluster(nodes);
    try {
      await cluster.ready();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  static version(): string {
    return execFileSync(serverBinary(), ['--version'], { encoding: 'utf8' }).trim();
  }

  get size(): number {
    return this.nodes.length;
  }

  get urls(): string[] {
    return this.nodes.map(({ port }) => `nats://127.0.0.1:${port}`);
  }

  connect(): Promise<NatsConnection> {
    return connect({ servers: this.urls, name: 'bench' });
  }

  cpuMs(): number {
    return this.nodes.reduce((sum, { process }) => sum + cpuMs(process.pid ?? 0), 0);
  }

  /** In all stores, logs of the replication included. */
  diskBytes(): number {
    return this.nodes.reduce((sum, { folder }) => sum + folderBytes(join(folder, 'store')), 0);
  }

  /** Bytes of messages that went from node to node. */
  async routedBytes(): Promise<number> {
    const pages = await Promise.all(
      this.nodes.map(({ monitor }) => page<{ routes: { out_bytes: number }[] }>(monitor, 'routez')),
    );
    return pages.flatMap(({ routes }) => routes).reduce((sum, route) => sum + route.out_bytes, 0);
  }

  async clients(): Promise<ClientTraffic[]> {
    const pages = await Promise.all(
      this.nodes.map(async ({ name: node, monitor }) => {
        const { connections } = await page<{ connections: Connection[] }>(monitor, 'connz?limit=1000');
        return connections.map((each) => ({
          key: `${node}:${each.cid}`,
          name: each.name ?? '',
          node,
          messagesIn: each.in_msgs,
          messagesOut: each.out_msgs,
          bytesIn: each.in_bytes,
          bytesOut: each.out_bytes,
        }));
      }),
    );
    return pages.flat();
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.nodes.map(async ({ process }) => {
        if (process.exitCode !== null || process.signalCode !== null) return;
        const gone = new Promise((resolve) => process.once('exit', resolve));
        process.kill('SIGKILL');
        await gone;
      }),
    );
  }

  private async ready(): Promise<void> {
    const end = performance.now() + READY_TIMEOUT_MS;
    for (const { port, process, folder } of this.nodes) {
      for (;;) {
        try {
          const connection = await connect({ servers: `127.0.0.1:${port}`, reconnect: false });
          try {
            await (await connection.jetstreamManager()).getAccountInfo();
            break;
          } finally {
            await connection.close();
          }
        } catch (error) {
          if (process.exitCode !== null)
            throw new Error(`nats-server ended: ${readFileSync(join(folder, 'log'), 'utf8').slice(-500)}`);
          if (performance.now() > end) throw error;
          await delay(100);
        }
      }
    }
  }
}

interface Connection {
  readonly cid: number;
  readonly name?: string;
  readonly in_msgs: number;
  readonly out_msgs: number;
  readonly in_bytes: number;
  readonly out_bytes: number;
}

function configuration(node: {
  readonly name: string;
  readonly port: number;
  readonly monitor: number;
  readonly route: number;
  readonly routes: readonly string[];
  readonly store: string;
  readonly log: string;
}): string {
  return [
    `server_name: "${node.name}"`,
    `listen: "127.0.0.1:${node.port}"`,
    `http: "127.0.0.1:${node.monitor}"`,
    `log_file: ${JSON.stringify(node.log)}`,
    'max_payload: 8MB',
    `jetstream { store_dir: ${JSON.stringify(node.store)}, max_file_store: 100GB }`,
    `cluster { name: "headwater-bench", listen: "127.0.0.1:${node.route}", routes: [${node.routes.join(', ')}] }`,
  ].join('\n');
}

/** The one of the setup, else Debian's or another one on the PATH. */
function serverBinary(): string {
  const own = join(packageFolder(), '.tools', 'bin', 'nats-server');
  for (const path of [own, '/usr/sbin/nats-server']) if (existsSync(path)) return path;
  return 'nats-server';
}

async function page<Page>(port: number, name: string): Promise<Page> {
  return (await (await fetch(`http://127.0.0.1:${port}/${name}`)).json()) as Page;
}
