// `headwater serve` with a probe: tells its parent how long its event loop was held up, and what it has used of the CPUs.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { main } from '../../src/server/cli.js';
import type { Delays } from './results.js';

const RESOLUTION_MS = 1;
const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delays.enable();

process.on('message', (message) => {
  if (message === 'cpu') {
    const { user, system } = process.cpuUsage();
    process.send?.({ cpuMs: (user + system) / 1000 });
  }
  if (message !== 'delays') return;
  // The histogram holds the time between two ticks of a timer.
  const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
  const answer: Delays = { p50: late(delays.percentile(50)), p99: late(delays.percentile(99)), max: late(delays.max) };
  delays.reset();
  process.send?.(answer);
});
// The server ends when it wants to.
process.channel?.unref();

process.exitCode = await main(['serve', '--config', process.argv[2] ?? '']);
