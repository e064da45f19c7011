// `npm run bench:scaling`: what requests, labels and versions cost on a cluster of NATS with 1, 2 and 3 processes, beside what the model says.
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandLine } from './report/command-line.js';
import { describeMachine } from './report/machine.js';
import { writeSections } from './report/page.js';
import { scalingSections } from './report/scaling-tables.js';
import { EXAMPLES } from './scaling/example.js';
import { measureScaling } from './scaling/measure.js';
import { NatsCluster } from './scaling/nats-cluster.js';
import { type Options, readOptions, USAGE } from './scaling/options.js';
import type { ScalingResult } from './scaling/results.js';

async function measure(options: Options, folder: string): Promise<ScalingResult> {
  const [load = Number.NaN] = loadavg();
  const { shape, ...measured } = await measureScaling(options, folder);
  const { dimensions, classes } = shape;
  const { requests, rounds } = options;
  return {
    machine: describeMachine(),
    load,
    command: commandLine('bench:scaling'),
    natsServer: NatsCluster.version(),
    ...{ requests, rounds, dimensions, classes },
    ...measured,
  };
}

const folder = mkdtempSync(join(tmpdir(), 'headwater-scaling-'));
try {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) console.log(USAGE);
  else {
    const result = await measure(options, folder);
    const sections = scalingSections(result, EXAMPLES);
    for (const { markdown } of sections) (options.json ? console.error : console.log)(`\n${markdown}`);
    if (options.write) writeSections(sections, 'scaling.md');
    if (options.json) console.log(JSON.stringify(result));
  }
} catch (error) {
  console.error(`bench:scaling: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
