// The process that runs a campaign's inputs: what ends or stalls it is seen by campaign.ts.
//
//   node fuzz/worker.js TARGET SEED FROM TO PROGRESS-FILE
import { openSync, writeSync } from 'node:fs';
import { runTarget } from './run.js';
import { targetOf } from './targets/index.js';

const [name = '', seed, from, to, progressFile = ''] = process.argv.slice(2);
const progress = openSync(progressFile, 'w');
const number = Buffer.alloc(8);

await runTarget(await targetOf(name), {
  seed: Number(seed),
  from: Number(from),
  to: Number(to),
  limitMs: 60_000,
  onProgress(index) {
    number.writeDoubleLE(index);
    writeSync(progress, number, 0, 8, 0);
  },
  onFailure: ({ index, what }) => process.send!({ index, what }),
});
process.disconnect();
