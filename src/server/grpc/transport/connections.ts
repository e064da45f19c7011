// The connections of gRPC: how many there may be, and that each begins in time.
import type { ServerHttp2Session } from 'node:http2';
import { createServer, type Server, type Socket } from 'node:net';
import { PingGuard } from './ping-guard.js';

/**
 * HTTP/2's window of one connection. What comes is read at once, whatever its streams do: this is what may be on its way, not what is held. With the
 * 64 KiB of the standard, many small requests leave a large one next to nothing for as long as they come.
 */
export const CONNECTION_WINDOW_BYTES = 2 ** 20;

export interface ConnectionSettings {
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  readonly handshakeTimeout: number;
  readonly minPingInterval: number;
  /** Told why a connection was closed, as a sentence that names the key. */
  readonly onClosed: (reason: string, address: string) => void;
}

/** Accepts connections and hands those within the limits on. */
export class Connections {
  private readonly server: Server;
  private readonly byAddress = new Map<string, number>();
  /** Sockets whose client has not begun HTTP/2, by `address:port`. */
  private readonly beginning = new Map<string, { socket: Socket; timer: NodeJS.Timeout }>();
  private readonly guards = new WeakMap<object, PingGuard>();
  private readonly sockets = new Set<Socket>();

  /** @param inject takes a connection over: TLS if there is, then HTTP/2 */
  constructor(
    private readonly settings: ConnectionSettings,
    private readonly inject: (socket: Socket) => void,
  ) {
    this.server = createServer((socket) => this.accept(socket));
  }

  /** Connections now. */
  get count(): number {
    return this.sockets.size;
  }

  /** @returns the port, of use when 0 was asked for. @throws Error with a `code` such as EADDRINUSE. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen({ host, port }, () => {
        this.server.off('error', reject);
        // Such as too many open files: the connection is lost, the service is not.
        this.server.on('error', (error) => this.settings.onClosed(`not accepted: ${error.message}`, ''));
        resolve((this.server.address() as { port: number }).port);
      });
    });
  }

  /** Takes no more connections, and ends those that have not begun. */
  stop(): void {
    this.server.close();
    for (const { socket } of this.beginning.values()) socket.destroy();
  }

  /** Ends all connections. */
  destroy(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  /** Told of each HTTP/2 session. */
  begin(session: ServerHttp2Session): void {
    const { minPingInterval, onClosed } = this.settings;
    const { socket } = session;
    const key = keyOf(socket);
    const address = addressOf(socket);
    session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    // The client's preface has come with its settings.
    session.once('remoteSettings', () => this.begun(key));
    if (minPingInterval === 0) return;
    const tooMany = () => onClosed('its client pings more often than server.minPingInterval', address);
    this.guards.set(session, new PingGuard(session, minPingInterval, tooMany));
  }

  /** Told when something is sent to a client. */
  dataSent(session: object | undefined): void {
    if (session !== undefined) this.guards.get(session)?.dataSent();
  }

  private accept(socket: Socket): void {
    const { maxConnections, maxConnectionsPerAddress, handshakeTimeout, onClosed } = this.settings;
    const address = addressOf(socket);
    // A reset before anybody listens would end the process.
    socket.on('error', () => {});
    const ofAddress = this.byAddress.get(address) ?? 0;
    const refuse = (reason: string) => {
      socket.destroy();
      onClosed(reason, address);
    };
    if (this.sockets.size >= maxConnections) {
      refuse(`more than ${maxConnections} (server.maxConnections)`);
      return;
    }
    if (ofAddress >= maxConnectionsPerAddress) {
      refuse(`more than ${maxConnectionsPerAddress} of one address (server.maxConnectionsPerAddress)`);
      return;
    }
    this.sockets.add(socket);
    this.byAddress.set(address, ofAddress + 1);
    const key = keyOf(socket);
    const timer = setTimeout(() => {
      onClosed('it did not begin HTTP/2 in time (server.handshakeTimeout)', address);
      socket.destroy();
    }, handshakeTimeout);
    this.beginning.set(key, { socket, timer });
    socket.once('close', () => {
      this.begun(key);
      this.sockets.delete(socket);
      const left = (this.byAddress.get(address) ?? 1) - 1;
      if (left === 0) this.byAddress.delete(address);
      else this.byAddress.set(address, left);
    });
    this.inject(socket);
  }

  private begun(key: string): void {
    clearTimeout(this.beginning.get(key)?.timer);
    this.beginning.delete(key);
  }
}

type Peer = Pick<Socket, 'remoteAddress' | 'remotePort'>;

/** IPv4 in IPv6's clothes is the same client. */
function addressOf({ remoteAddress }: Peer): string {
  return (remoteAddress ?? 'unknown').replace(/^::ffff:(?=\d+\.)/, '');
}

function keyOf(peer: Peer): string {
  return `${peer.remoteAddress}:${peer.remotePort}`;
}
