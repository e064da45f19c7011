import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** Cores for the two sides; undefined: not pinned. */
export interface Pinning {
  readonly server: number | undefined;
  readonly load: number | undefined;
  /** Why it is as it is, for the report. */
  readonly why: string;
}

/** The server to one core, the load to another: neither can take the other's time. */
export function choosePinning(wanted: boolean): Pinning {
  const none = (why: string) => ({ server: undefined, load: undefined, why });
  if (!wanted) return none('not pinned: --no-pin');
  if (availableParallelism() < 2) return none('not pinned: there is one core only');
  if (spawnSync('taskset', ['-V'], { stdio: 'ignore' }).status !== 0) return none('not pinned: there is no taskset');
  return { server: 0, load: 1, why: 'server and engine on core 0, load generator on core 1' };
}

/** Keeps this process, too, off the server's core; its children are put where they belong one by one. */
export function pinSelf({ load }: Pinning): void {
  if (load !== undefined) spawnSync('taskset', ['-acp', String(load), String(process.pid)], { stdio: 'ignore' });
}

/** The command line that runs `command` on this core (and its children: an embedded nats-server too). */
export function pinned(core: number | undefined, command: readonly string[]): readonly string[] {
  return core === undefined ? command : ['taskset', '-c', String(core), ...command];
}
