import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { generatedEmbeddings } from './embeddings.js';
import { LearningChild } from './learning-child.js';
import { LogWriter } from './log-writer.js';
import { rateFrom } from './marks.js';
import { headRequest, IDENTITY } from './measure-rate.js';
import type { HeadsResult } from './results.js';

export interface HeadsPlan {
  readonly heads: number;
  readonly classes: number;
  readonly dimensions: number;
  readonly memoryBytes: number;
  readonly perSecond: number;
  readonly seconds: number;
}

/** Samples that differ: enough for every head's classes. */
const DISTINCT = 1_000;

/** Many heads with `train: auto` on one backbone, taught by one process, whose samples come evenly and in turn. */
export async function measureHeads(plan: HeadsPlan, folder: string): Promise<HeadsResult> {
  const { heads: count, classes, dimensions, memoryBytes, seconds, perSecond: wanted } = plan;
  const dataDir = join(folder, 'heads');
  const samples = generatedEmbeddings(dimensions, classes, DISTINCT);
  const names = Array.from({ length: count }, (_, index) => `head-${index}`);
  const heads = names.map((name) => headRequest(name, samples, {}));
  const begun = performance.now();
  const child = await LearningChild.start({ dataDir, roles: ['learn'], heads, memoryBytes, versionEveryMs: 1_000 });
  try {
    await child.taught();
    const startSeconds = (performance.now() - begun) / 1000;
    console.error(`${count} heads are taught after ${startSeconds.toFixed(0)} s`);
    const writer = await LogWriter.open(dataDir, { heads: names, backboneIdentity: IDENTITY, samples });
    const { written, perSecond } = await writer.pace(wanted, wanted * seconds);
    const end = performance.now();
    const marks = await child.trained(written);
    const behindMs = performance.now() - end;
    const report = await child.report();
    await writer.close();
    if (report.problems.length > 0) console.error(`  ${report.problems.join('\n  ')}`);
    const stopping = performance.now();
    await child.close();
    return {
      heads: count,
      ...{ classes, dimensions, memoryBytes, seconds, wanted, perSecond, behindMs, startSeconds },
      perCpuSecond: rateFrom(marks, written / 10).perCpuSecond,
      peakBytes: report.peakBytes,
      stateBytes: report.stateBytes,
      fullHeads: report.full,
      versions: report.versions,
      stopSeconds: (performance.now() - stopping) / 1000,
    };
  } finally {
    await child.close();
    rmSync(dataDir, { recursive: true, force: true });
  }
}
