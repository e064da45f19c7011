import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { countThreads, findCpuQuota, limitThreads } from '../../../src/engine/threads.js';

const quotaIn = (files: Record<string, string>) => findCpuQuota((path) => files[path]);

test('a quota of control groups version 2 is found, the smallest on the way up', () => {
  const own = { '/proc/self/cgroup': '0::/\n' };
  assert.equal(quotaIn({ ...own, '/sys/fs/cgroup/cpu.max': '250000 100000\n' }), 2.5);
  assert.equal(quotaIn({ ...own, '/sys/fs/cgroup/cpu.max': 'max 100000\n' }), undefined);
  const nested = {
    '/proc/self/cgroup': '0::/kubepods/pod7/main\n',
    '/sys/fs/cgroup/kubepods/cpu.max': '800000 100000\n',
    '/sys/fs/cgroup/kubepods/pod7/cpu.max': '300000 100000\n',
    '/sys/fs/cgroup/kubepods/pod7/main/cpu.max': 'max 100000\n',
  };
  assert.equal(quotaIn(nested), 3);
  assert.equal(quotaIn({ '/proc/self/cgroup': '0::/../other\n', '/sys/fs/cgroup/cpu.max': '50000 100000' }), 0.5);
});

test('a quota of control groups version 1 is found, under either name of the mount', () => {
  const groups = { '/proc/self/cgroup': '9:name=systemd:/\n4:cpu,cpuacct:/docker/abc\n3:cpuset:/\n0::/\n' };
  const folder = '/sys/fs/cgroup/cpu,cpuacct/docker/abc';
  const limited = { [`${folder}/cpu.cfs_quota_us`]: '150000\n', [`${folder}/cpu.cfs_period_us`]: '50000\n' };
  assert.equal(quotaIn({ ...groups, ...limited }), 3);
  const atRoot = { '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '200000', '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000' };
  assert.equal(quotaIn({ ...groups, ...atRoot }), 2, 'the path is that of the host');
  assert.equal(quotaIn({ ...groups, ...limited, ...atRoot }), 2);
  assert.equal(quotaIn({ ...groups, ...atRoot, '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1' }), undefined);
});

test('there is no quota where there are no control groups, or files that say nothing', () => {
  assert.equal(quotaIn({}), undefined);
  for (const text of ['', '7', 'a b', '0 100000', '100000 0', '-1 100000', 'NaN NaN']) {
    assert.equal(quotaIn({ '/proc/self/cgroup': '0::/', '/sys/fs/cgroup/cpu.max': text }), undefined, text);
  }
  assert.equal(quotaIn({ '/proc/self/cgroup': 'nonsense\n1:cpuset:/a\n', '/sys/fs/cgroup/cpu.max': '1 1' }), undefined);
});

test('threads are as many as cores or whole cores of the quota, at least one, at most 512', () => {
  const cases = [
    [8, undefined, 8],
    [8, 2, 2],
    [8, 2.9, 2],
    [8, 0.2, 1],
    [2, 16, 2],
    [768, undefined, 512],
  ] as const;
  for (const [cores, quota, threads] of cases) assert.equal(limitThreads(cores, quota), threads);
});

test('a setting is taken as it is; 0 is what this process may use', () => {
  assert.equal(countThreads(7), 7);
  const all = countThreads(0);
  assert.ok(all >= 1 && all <= availableParallelism(), `${all}`);
});
