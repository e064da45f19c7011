import { execFile } from 'node:child_process';
import { readdir, readFile, readlink, realpath, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const isLinux = process.platform === 'linux';

/** The set of processes in which a process id means one process: a host between two boots, or a container on it. */
export interface ProcessSpace {
  readonly hostname: string;
  /** Changes with every boot; empty when the system doesn't tell. */
  readonly bootId: string;
  /** Linux's process-id namespace: containers on one kernel have their own pid 1. Empty elsewhere. */
  readonly namespace: string;
}

export async function processSpace(): Promise<ProcessSpace> {
  const text = (promise: Promise<string>) => promise.then((value) => value.trim()).catch(() => '');
  const bootId = isLinux
    ? text(readFile('/proc/sys/kernel/random/boot_id', 'utf8'))
    : text(run('sysctl', ['-n', 'kern.bootsessionuuid']).then(({ stdout }) => stdout));
  const namespace = isLinux ? text(readlink('/proc/self/ns/pid')) : Promise.resolve('');
  return { hostname: hostname(), bootId: await bootId, namespace: await namespace };
}

/**
 * When the process started, in the system's own words (Linux: clock ticks since boot): with the pid it names one process
 * among all of a boot. undefined: there is no such process, or only its zombie. 'unknown': it exists, but we may not look.
 */
export async function processStartTime(pid: number): Promise<string | undefined> {
  try {
    if (!isLinux) {
      const { stdout } = await run('ps', ['-o', 'stat=,lstart=', '-p', String(pid)]);
      const [state = '', ...started] = stdout.trim().split(/\s+/);
      return state === '' || state.startsWith('Z') ? undefined : started.join(' ');
    }
    // The name in parentheses may itself contain spaces and parentheses: fields are counted after the last one.
    const line = await readFile(`/proc/${pid}/stat`, 'utf8');
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return exists(pid) ? 'unknown' : undefined;
  }
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Processes that were started with `-c configFile`: the nats-servers on its store. Those that run in the file's folder
 * count too, under whatever name the folder had when they started.
 */
export async function processesWithConfig(configFile: string, directory: string): Promise<number[]> {
  const path = await realpath(configFile).catch(() => configFile);
  const found: number[] = [];
  for (const { pid, command } of isLinux ? await linuxCommandLines() : await psCommandLines()) {
    if (typeof command === 'string') {
      if (command.includes(` -c ${path}`)) found.push(pid);
      continue;
    }
    const argument = command[command.indexOf('-c') + 1];
    if (argument === undefined || basename(argument) !== basename(path)) continue;
    if (argument === path || (await sameDirectory(`/proc/${pid}/cwd`, directory))) found.push(pid);
  }
  return found;
}

interface CommandLine {
  readonly pid: number;
  /** Arguments, or one line where the system doesn't tell them apart. */
  readonly command: readonly string[] | string;
}

async function linuxCommandLines(): Promise<CommandLine[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const lines = await Promise.all(
    pids.map(async (pid) => ({ pid, command: await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '') })),
  );
  return lines
    .filter(({ command }) => command !== '')
    .map(({ pid, command }) => ({ pid, command: command.split('\0') }));
}

async function psCommandLines(): Promise<CommandLine[]> {
  const { stdout } = await run('ps', ['-axo', 'pid=,command='], { maxBuffer: 64 * 2 ** 20 });
  const lines = stdout.split('\n').map((line) => /^\s*(\d+)\s+(.*)$/.exec(line));
  return lines.filter((match) => match !== null).map((match) => ({ pid: Number(match[1]), command: match[2]! }));
}

async function sameDirectory(one: string, other: string): Promise<boolean> {
  try {
    const [a, b] = await Promise.all([stat(one), stat(other)]);
    return a.dev === b.dev && a.ino === b.ino;
  } catch {
    return false;
  }
}

/**
 * SIGTERM, and SIGKILL when that is not heeded in time; resolves once the process is gone.
 * @throws the system's error when we may not signal it, or it can't be killed.
 */
export async function endProcess(pid: number, patienceMs: number): Promise<void> {
  const started = await processStartTime(pid);
  if (started === undefined) return;
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return;
      throw error;
    }
    const deadline = Date.now() + patienceMs;
    while (Date.now() < deadline) {
      if ((await processStartTime(pid)) !== started) return;
      await delay(25);
    }
  }
  throw new Error(`process ${pid} is still there after SIGKILL`);
}
