// The connections of HTTP: how many there may be, and whose go when there are too many. Silent ones must not keep the probes out:
// whoever runs the process ends it when /livez does not answer.
import type { Socket } from 'node:net';

export interface HttpLimits {
  /** At once, of all addresses. */
  readonly connections: number;
  readonly ofAddress: number;
  /** More, when all of those are busy: only for who asks whether the process lives. */
  readonly reserve: number;
}

export const HTTP_LIMITS: HttpLimits = { connections: 256, ofAddress: 128, reserve: 32 };

type Peer = Pick<Socket, 'remoteAddress' | 'remotePort'>;

interface Connection {
  /** A socket that is closed has forgotten its peer. */
  readonly key: string;
  readonly socket: Socket;
  readonly address: string;
  /** Came when no other could be let in. */
  readonly reserved: boolean;
  /** Requests under way. 0: its client says nothing, or not enough yet. */
  requests: number;
}

export class HttpConnections {
  /** By address and port (with TLS a request's socket is not the one that was accepted), the longest idle first. */
  private readonly open = new Map<string, Connection>();

  constructor(private readonly limits: HttpLimits = HTTP_LIMITS) {}

  get count(): number {
    return this.open.size;
  }

  /** Told of each connection. When there are too many, an idle one of the address with most of them ends, or this one. */
  accept(socket: Socket): void {
    const address = socket.remoteAddress;
    // It has gone already.
    if (address === undefined) {
      socket.destroy();
      return;
    }
    const reserved = !this.makeRoom(address);
    if (reserved && !this.makeRoomInReserve()) {
      socket.destroy();
      return;
    }
    const key = keyOf(socket);
    const connection = { key, socket, address, reserved, requests: 0 };
    this.open.set(key, connection);
    socket.once('close', () => {
      if (this.open.get(key) === connection) this.open.delete(key);
    });
  }

  /**
   * Told of each request.
   * @param peer the request's socket @param ended calls what it is given when the request is answered, or gone
   * @returns whether it may be any request: not on a connection of the reserve
   */
  request(peer: Peer, ended: (tell: () => void) => void): boolean {
    const key = keyOf(peer);
    const connection = this.open.get(key);
    if (connection === undefined) return true;
    connection.requests++;
    ended(() => {
      connection.requests--;
      if (this.open.get(key) !== connection) return;
      this.open.delete(key);
      this.open.set(key, connection);
    });
    return !connection.reserved;
  }

  private makeRoom(address: string): boolean {
    const ordinary = [...this.open.values()].filter(({ reserved }) => !reserved);
    const ofAddress = ordinary.filter((connection) => connection.address === address);
    if (ofAddress.length >= this.limits.ofAddress) return this.endIdle(ofAddress);
    return ordinary.length < this.limits.connections || this.endIdle(ordinary);
  }

  private makeRoomInReserve(): boolean {
    const reserve = [...this.open.values()].filter(({ reserved }) => reserved);
    return reserve.length < this.limits.reserve || this.endIdle(reserve);
  }

  /** Of the address with most idle ones the one that is idle longest. @returns whether there was one */
  private endIdle(among: readonly Connection[]): boolean {
    const idle = new Map<string, Connection[]>();
    for (const connection of among) {
      if (connection.requests > 0) continue;
      const ofAddress = idle.get(connection.address) ?? [];
      if (ofAddress.push(connection) === 1) idle.set(connection.address, ofAddress);
    }
    let most: Connection[] = [];
    for (const ofAddress of idle.values()) if (ofAddress.length > most.length) most = ofAddress;
    const [victim] = most;
    if (victim === undefined) return false;
    this.open.delete(victim.key);
    victim.socket.destroy();
    return true;
  }
}

function keyOf({ remoteAddress, remotePort }: Peer): string {
  return `${remoteAddress}:${remotePort}`;
}
