import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { RunItem } from '../../../src/native/index.js';
import { native, options, skip, withExecutor } from './addon.js';
import { heavy, nearlyEmpty, pixels } from './plans.js';

const plan = heavy();
const images = (count: number): RunItem => ({ kind: 'pixels', count, data: pixels(count, plan) });
const modules = { native: new URL('../../../src/native/index.js', import.meta.url).href };

/** Starts an executor and long runs on it, and says so. For a thread or a process of its own. */
const program = `
  const { loadNative } = await import(${JSON.stringify(modules.native)});
  const { heavy, pixels, normalise } = await import(${JSON.stringify(new URL('./plans.js', import.meta.url).href)});
  const plan = heavy();
  const options = { threads: 2, isa: 'auto', normalise, pixelChannels: [0, 1, 2] };
  const executors = [1, 2].map(() => loadNative().createExecutor(plan, options));
  const data = pixels(200, plan);
  const runs = executors.flatMap((executor) => [1, 2, 3].map(() => executor.run([{ kind: 'pixels', count: 200, data }])));
`;

/** Threads of the addon in this process, or null where the system does not tell. */
function threadCount(): number | null {
  try {
    return readdirSync('/proc/self/task').length;
  } catch {
    return null;
  }
}

describe('close', { skip }, () => {
  it('lets running and waiting calls end, refuses later ones, and may be called again', async () => {
    const executor = native().createExecutor(plan, options(2));
    const order: string[] = [];
    const runs = [1, 2, 3].map((i) => executor.run([images(4)]).then(() => order.push(`run ${i}`)));
    const closed = executor.close().then(() => order.push('closed'));
    await assert.rejects(executor.run([images(1)]), /^Error: run: the executor is closed$/);
    await assert.rejects(executor.profile(images(1), 1), /^Error: profile: the executor is closed$/);
    const again = executor.close().then(() => {
      assert.equal(executor.bytes, 0);
      order.push('closed again');
    });
    await Promise.all([...runs, closed, again]);
    assert.deepEqual(order, ['run 1', 'run 2', 'run 3', 'closed', 'closed again']);
    await executor.close();
    assert.equal(executor.bytes, 0);
  });

  it('ends the threads', async () => {
    const before = threadCount();
    if (before === null) return;
    const executors = [1, 2, 3].map(() => native().createExecutor(nearlyEmpty(), options(4)));
    assert.equal(threadCount(), before + 12);
    await Promise.all(executors.map((executor) => executor.close()));
    // Node starts up to four of its own when it first needs them.
    assert.ok(threadCount()! <= before + 4);
  });

  it('gives memory back: fifty executors one after the other take no more than a few', async () => {
    const round = () => withExecutor(plan, options(2), async (executor) => executor.run([images(4)]));
    for (let i = 0; i < 5; i++) await round();
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 50; i++) await round();
    const grown = process.memoryUsage().rss - before;
    const each = plan.constants.length + 2 * plan.arenaVectors * 64;
    // Buffers of JavaScript that nobody has collected yet are in it, too; what leaks would be fifty times `each`.
    assert.ok(grown < 25 * each, `${grown} bytes more, an executor having ${each}`);
  });
});

describe('an executor that nobody closes', { skip }, () => {
  it('does not keep the process alive, nor end it while a run is awaited', () => {
    const source = `${program} await Promise.all(runs.slice(0, 1)); console.log('ran');`;
    const result = spawnSync(process.execPath, ['--input-type=module', '-e', source], { encoding: 'utf8' });
    assert.deepEqual([result.status, result.signal, result.stdout], [0, null, 'ran\n'], result.stderr);
  });

  it('does not hang or crash a process that exits while it runs', () => {
    for (const end of ['process.exit(3)', 'setTimeout(() => process.exit(3), 20)']) {
      const source = `${program} runs.forEach((run) => run.then(() => {}, () => {})); ${end};`;
      const result = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
        encoding: 'utf8',
        timeout: 60_000,
      });
      assert.deepEqual([result.status, result.signal], [3, null], result.stderr);
    }
  });

  it('ends with its worker thread: by itself, by terminate while it runs, and while it closes', async () => {
    const before = threadCount();
    const ends = {
      itself: 'await Promise.all(executors.map((executor) => executor.close()));',
      running: "parentPort.postMessage('running'); await Promise.all(runs);",
      closing:
        "executors.map((executor) => executor.close()); parentPort.postMessage('closing'); await Promise.all(runs);",
    };
    for (const [name, end] of Object.entries(ends)) {
      for (let i = 0; i < 3; i++) {
        const source = `import { parentPort } from 'node:worker_threads'; ${program} ${end}`;
        const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
        const ended = once(worker, 'exit');
        if (name === 'itself') {
          assert.deepEqual(await ended, [0]);
          continue;
        }
        assert.deepEqual(await once(worker, 'message'), [name]);
        await sleep(10 * i);
        await worker.terminate();
      }
    }
    await withExecutor(nearlyEmpty(), options(1), (executor) => executor.run([]));
    if (before !== null) assert.ok(threadCount()! <= before + 4, `${threadCount()} threads, ${before} before`);
  });

  it('is freed by the garbage collector', () => {
    const source = `${program} await Promise.all(runs); runs.length = executors.length = 0;
      const { readdirSync } = await import('node:fs');
      const threads = () => readdirSync('/proc/self/task').length;
      const before = process.platform === 'linux' ? threads() : 0;
      for (let i = 0; i < 50 && process.platform === 'linux' && threads() > before - 4; i++) {
        globalThis.gc();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      console.log(process.platform === 'linux' ? before - threads() : 4);`;
    const args = ['--expose-gc', '--input-type=module', '-e', source];
    const result = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 120_000 });
    assert.deepEqual([result.status, result.stdout], [0, '4\n'], result.stderr);
  });
});
