import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { LabelledEmbeddings } from './embeddings.js';
import { LearningChild } from './learning-child.js';
import { LogWriter } from './log-writer.js';
import { headRequest, IDENTITY } from './measure-rate.js';
import type { PacedResult } from './results.js';

const HEAD = 'bench';

export interface PacedPlan {
  readonly samples: LabelledEmbeddings;
  readonly count: number;
  readonly perSecond: number;
  readonly target: number;
}

/** A head with `train: auto` from its first sample on, which come evenly: how long its fold waits for refits. */
export async function measurePaced(plan: PacedPlan, folder: string): Promise<PacedResult> {
  const { samples, count, perSecond: wanted, target } = plan;
  const dataDir = join(folder, 'paced');
  const heads = [headRequest(HEAD, samples, {})];
  const child = await LearningChild.start({
    dataDir,
    roles: ['learn'],
    heads,
    memoryBytes: 2 ** 30,
    versionEveryMs: 1_000,
  });
  try {
    await child.taught();
    const writer = await LogWriter.open(dataDir, { heads: [HEAD], backboneIdentity: IDENTITY, samples });
    const start = performance.now();
    const { perSecond } = await writer.pace(wanted, count);
    const written = performance.now();
    await child.trained(count);
    const { waits, problems } = await child.report();
    if (problems.length > 0) console.error(`  ${problems.join('\n  ')}`);
    await writer.close();
    return {
      source: samples.source,
      wanted,
      perSecond,
      samples: count,
      waits: waits.count,
      waitedSeconds: waits.seconds,
      waiting: waits.seconds / ((written - start) / 1000),
      behindMs: performance.now() - written,
      target,
    };
  } finally {
    await child.close();
    rmSync(dataDir, { recursive: true, force: true });
  }
}
