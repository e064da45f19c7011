import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';
import { packageFolder } from '../models.js';

/** What the numbers depend on, as far as the machine tells. */
export interface Machine {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  readonly commit: string;
  /** Of the minute before the run: others that take part in it. */
  readonly loadBefore: number;
}

export function describeMachine(): Machine {
  const git = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: packageFolder(), encoding: 'utf8' });
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: `${cpus()[0]?.model ?? 'unknown'}${vectorUnits()}`,
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    node: process.version,
    commit: git.status === 0 ? git.stdout.trim() : 'unknown',
    loadBefore: loadavg()[0] ?? Number.NaN,
  };
}

/** Virtual machines hide the CPU's name; what it can do, Linux tells. */
function vectorUnits(): string {
  try {
    const flags = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.split(' ') ?? [];
    const known = ['avx2', 'avx512f', 'avx512_vnni'].filter((flag) => flags.includes(flag));
    return known.length === 0 ? '' : ` (${known.join(', ')})`;
  } catch {
    return '';
  }
}
