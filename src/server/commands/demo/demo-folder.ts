import { execFile } from 'node:child_process';
import { access, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import type { ImageSettings } from '../../../engine/index.js';
import { Failure } from '../../client/failure.js';

/** Says that the demo made a folder and may empty it. */
const MARKER = '.headwater-demo';
const STOP_TIMEOUT_MS = 20_000;

export interface DemoFiles {
  readonly folder: string;
  readonly config: string;
  readonly serverLog: string;
  /** Written by the server: the address of its NATS. */
  readonly natsFile: string;
}

/**
 * Makes a fresh folder for the demo, emptying one that an earlier demo left.
 *
 * @throws Failure when it is somebody else's, or a demo still runs in it.
 */
export async function freshDemoFolder(path: string): Promise<DemoFiles> {
  const folder = resolve(path);
  const entries = await readdir(folder).catch(() => []);
  if (entries.length > 0) {
    const ours = await access(join(folder, MARKER)).then(
      () => true,
      () => false,
    );
    if (!ours) throw new Failure(`${folder} holds files that are not the demo's; move them, or run the demo elsewhere`);
    await endLeftovers(folder);
    await rm(folder, { recursive: true, force: true });
  }
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, MARKER), 'Made by `headwater demo`, which empties this folder at every start.\n');
  return {
    folder,
    config: join(folder, 'headwater.yaml'),
    serverLog: join(folder, 'server.log'),
    natsFile: join(folder, 'nats.json'),
  };
}

/**
 * A running demo is left alone; a nats-server whose demo was killed is ended, since its store is about to vanish.
 *
 * @throws Failure when a demo's server still runs here.
 */
async function endLeftovers(folder: string): Promise<void> {
  const serverPid = await pidIn(join(folder, 'headwater.lock'));
  if (serverPid !== undefined && /headwater/.test(await commandOf(serverPid))) {
    throw new Failure(
      `a demo still runs in ${folder} (process ${serverPid}); stop it with Ctrl-C, or: kill ${serverPid}`,
    );
  }
  const natsPid = await pidIn(join(folder, 'nats.json'));
  if (natsPid === undefined || !(await commandOf(natsPid)).includes(folder)) return;
  process.kill(natsPid, 'SIGTERM');
  for (const start = performance.now(); (await commandOf(natsPid)) !== ''; await delay(100)) {
    if (performance.now() - start > STOP_TIMEOUT_MS) {
      throw new Failure(
        `nats-server ${natsPid}, left over in ${folder}, does not end; end it yourself: kill -9 ${natsPid}`,
      );
    }
  }
}

async function pidIn(file: string): Promise<number | undefined> {
  try {
    const { pid } = JSON.parse(await readFile(file, 'utf8')) as { pid?: unknown };
    return Number.isInteger(pid) && (pid as number) > 1 ? (pid as number) : undefined;
  } catch {
    return undefined;
  }
}

/** The command line of a process; empty when there is none (of a process that ended, it is empty too). */
async function commandOf(pid: number): Promise<string> {
  try {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ').trim();
  } catch {
    // Not Linux, or no such process: `ps` knows.
  }
  try {
    const { stdout } = await promisify(execFile)('ps', ['-ww', '-o', 'args=', '-p', String(pid)]);
    return stdout.trim();
  } catch {
    return '';
  }
}

export interface DemoSetting {
  readonly model: string;
  readonly image: ImageSettings;
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly backbone: string;
  readonly head: string;
}

/** The configuration that the demo's server runs with. */
export function demoConfig({ model, image, grpcPort, httpPort, backbone, head }: DemoSetting): string {
  const config = {
    dataDir: '.',
    server: { grpcPort, httpPort },
    // A snapshot every so few samples: the served accuracy follows closely.
    snapshots: { everySamples: 25 },
    backbones: [{ name: backbone, model, image: { ...image, mean: [...image.mean], std: [...image.std] } }],
    heads: [{ name: head, backbone, classes: 'open' }],
  };
  return `# Written by \`headwater demo\` at every start.\n${stringify(config)}`;
}
