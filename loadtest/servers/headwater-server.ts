// `headwater serve` as a child process with a data directory of its own, gone afterwards.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { stringify } from 'yaml';
import { type BenchModel, buildFolder } from '../models.js';
import { ChildServer, freePort } from './child-server.js';
import { MetricsText } from './metrics-text.js';
import type { ServerUnderTest } from './server-under-test.js';

/** The name of the head that is there unless others are asked for. */
export const HEAD = 'bench';

/** What bin/headwater.js does, with the server of the build that this file is in. */
const CLI = pathToFileURL(join(buildFolder, 'src/server/cli.js')).href;
const PROGRAM = `import { main } from ${JSON.stringify(CLI)}; process.exitCode = await main(process.argv.slice(2));\n`;

export interface HeadwaterOptions {
  readonly model: BenchModel;
  readonly batch: number;
  readonly threads: number;
  readonly engine?: 'onnxruntime' | 'sparse' | 'auto';
  /** Names; default: `HEAD` alone. */
  readonly heads?: readonly string[];
  /** What the heads train; default: as the server's default is. */
  readonly learners?: readonly string[];
  /** Laid over the configuration, section by section. */
  readonly settings?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly core?: number | undefined;
}

export class HeadwaterServer implements ServerUnderTest {
  readonly name = 'Headwater';

  private constructor(
    private readonly folder: string,
    private readonly child: ChildServer,
    readonly grpcPort: number,
    readonly httpPort: number,
  ) {}

  /** Resolves when it is ready. @throws Error with its last words when it can't be started */
  static async start(options: HeadwaterOptions): Promise<HeadwaterServer> {
    const folder = mkdtempSync(join(tmpdir(), 'headwater-load-'));
    try {
      const [grpcPort, httpPort] = [await freePort(), await freePort()];
      const file = join(folder, 'headwater.yaml');
      const program = join(folder, 'headwater.mjs');
      writeFileSync(program, PROGRAM);
      writeFileSync(file, stringify(configuration(options, grpcPort, httpPort)));
      const child = await ChildServer.start({
        name: 'the server',
        command: [process.execPath, program, 'serve', '--config', file],
        core: options.core,
        isReady: () => isReady(httpPort),
      });
      return new HeadwaterServer(folder, child, grpcPort, httpPort);
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  get address(): string {
    return `127.0.0.1:${this.grpcPort}`;
  }

  /** @throws Error with the server's last words when it has ended */
  async metrics(): Promise<MetricsText> {
    this.child.assertRunning();
    return new MetricsText(await (await fetch(`http://127.0.0.1:${this.httpPort}/metrics`)).text());
  }

  async stop(): Promise<number | string> {
    try {
      return await this.child.stop();
    } finally {
      rmSync(this.folder, { recursive: true, force: true });
    }
  }
}

function configuration(options: HeadwaterOptions, grpcPort: number, httpPort: number): object {
  const { model, batch, threads, engine = 'onnxruntime', heads = [HEAD], learners, settings = {} } = options;
  const learner = learners === undefined ? {} : { learner: { train: [...learners] } };
  const { server = {}, ...others } = settings;
  return {
    dataDir: './data',
    batch: { size: batch },
    log: { level: 'warn' },
    ...others,
    server: { ...server, grpcPort, httpPort },
    backbones: [{ name: model.name, model: model.path, engine, threads, image: model.image }],
    heads: heads.map((name) => ({ name, backbone: model.name, ...learner })),
  };
}

async function isReady(httpPort: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${httpPort}/readyz`)).ok;
  } catch {
    return false;
  }
}
