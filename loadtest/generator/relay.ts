import { connect, createServer, type Server } from 'node:net';

/** Passes connections on from another address of this machine: to the server they come from another client. */
export class Relay {
  private constructor(
    private readonly server: Server,
    readonly address: string,
  ) {}

  /** @param from an address of 127.0.0.0/8. @param to host:port */
  static async open(from: string, to: string): Promise<Relay> {
    const [host = '', port = ''] = to.split(':');
    const server = createServer((socket) => {
      const onward = connect({ host, port: Number(port), localAddress: from });
      const end = () => {
        socket.destroy();
        onward.destroy();
      };
      for (const side of [socket, onward]) side.setNoDelay(true).on('error', end).on('close', end);
      socket.pipe(onward).pipe(socket);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    const address = server.address();
    return new Relay(server, `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`);
  }

  close(): void {
    this.server.close();
  }
}
