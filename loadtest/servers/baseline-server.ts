import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { connected, makeClient } from '../generator/open-loop.js';
import type { BenchModel } from '../models.js';
import { ChildServer, freePort } from './child-server.js';
import type { Pinning } from './pinning.js';
import type { ServerUnderTest } from './server-under-test.js';

/**
 * What ONNX Runtime takes when nobody says anything: a thread for each core of the machine, though the server is kept on one (as in a
 * container with a limit of one core). Said explicitly there, because by default it would also move its threads to the other cores.
 *
 * @returns 0 for its own default
 */
export function defaultThreads(pinning: Pinning): number {
  return pinning.server === undefined ? 0 : cpus().length;
}

/** loadtest/baseline/server.ts as a child process. It tells nothing of itself. */
export class BaselineServer implements ServerUnderTest {
  readonly name = 'baseline';

  private constructor(
    private readonly child: ChildServer,
    readonly address: string,
  ) {}

  static async start(model: BenchModel, threads: number, core?: number): Promise<BaselineServer> {
    const port = await freePort();
    const address = `127.0.0.1:${port}`;
    const settings = JSON.stringify({ port, model: model.path, threads, image: model.image });
    const child = await ChildServer.start({
      name: 'the baseline',
      command: [process.execPath, fileURLToPath(new URL('../baseline/server.js', import.meta.url)), settings],
      core,
      isReady: () => canConnect(address),
    });
    return new BaselineServer(child, address);
  }

  async metrics(): Promise<undefined> {
    this.child.assertRunning();
  }

  stop(): Promise<number | string> {
    return this.child.stop();
  }
}

async function canConnect(address: string): Promise<boolean> {
  const client = makeClient(address);
  try {
    await connected(client, 500);
    return true;
  } catch {
    return false;
  } finally {
    client.close();
  }
}
