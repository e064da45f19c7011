import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { mostThreads } from '../native/index.js';

/** Threads for a setting, in which 0 means all that this process may use: its cores, or what a container's quota is worth of them. */
export function countThreads(setting: number): number {
  return setting === 0 ? limitThreads(availableParallelism(), findCpuQuota(readText)) : setting;
}

/**
 * One thread for each core that the quota pays for, rounded down: more would spend a period's quota early, and the whole process would stand still
 * until the next period (mostly 100 ms).
 *
 * @param quota in cores; undefined: none
 */
export function limitThreads(cores: number, quota: number | undefined): number {
  return Math.max(1, Math.min(cores, Math.floor(quota ?? cores), mostThreads));
}

/**
 * The smallest CPU quota, in cores, of the control groups that this process is in, or undefined when none has one. Groups are nested, and
 * within a container the path that the kernel tells may be the host's: each folder from the path up to the root is looked at.
 *
 * Sources: the kernel's Documentation/admin-guide/cgroup-v2.rst (`cpu.max`), Documentation/scheduler/sched-bwc.rst (`cpu.cfs_quota_us`).
 *
 * @param read a file's text, or undefined when it can't be read
 */
export function findCpuQuota(read: (path: string) => string | undefined): number | undefined {
  const quotas = (read('/proc/self/cgroup') ?? '').split('\n').flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path === undefined) return [];
    if (controllers === '') return foldersAbove('/sys/fs/cgroup', path).map((folder) => quotaOfVersion2(read, folder));
    if (!controllers!.split(',').includes('cpu')) return [];
    return ['cpu', controllers!].flatMap((mount) =>
      foldersAbove(`/sys/fs/cgroup/${mount}`, path).map((folder) => quotaOfVersion1(read, folder)),
    );
  });
  const found = quotas.filter((quota) => quota !== undefined);
  return found.length === 0 ? undefined : Math.min(...found);
}

/** `root` and each folder on the way to `root`/`path`. */
function foldersAbove(root: string, path: string): string[] {
  const names = path.split('/').filter((name) => name !== '' && name !== '..');
  return Array.from({ length: names.length + 1 }, (_, count) => [root, ...names.slice(0, count)].join('/'));
}

/** cpu.max: `200000 100000` (microseconds of each period), or `max 100000`. */
function quotaOfVersion2(read: (path: string) => string | undefined, folder: string): number | undefined {
  const [quota, period] = (read(`${folder}/cpu.max`) ?? '').trim().split(' ');
  return ratio(quota, period);
}

/** The quota is -1 where there is none. */
function quotaOfVersion1(read: (path: string) => string | undefined, folder: string): number | undefined {
  return ratio(read(`${folder}/cpu.cfs_quota_us`), read(`${folder}/cpu.cfs_period_us`));
}

function ratio(quota: string | undefined, period: string | undefined): number | undefined {
  const value = Number(quota) / Number(period);
  return value > 0 && Number.isFinite(value) ? value : undefined;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
