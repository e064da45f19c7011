import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { packageFolder } from '../shared-folder.js';
import type { CacheEntry } from './embedding-cache.js';

const HOW_TO_GET_IT = 'install python3-sklearn (Debian, Ubuntu: `apt-get install python3-sklearn`), and run this again';
/** Debian's own, whose packages are apt's, before whatever else there is. */
const INTERPRETERS = ['/usr/bin/python3', 'python3'];

const baselineSchema = z.object({
  baseline: z.string(),
  /** [samples] Index of the class that the fold's fit gives for each sample that it did not see. */
  predictions: z.array(z.number().int()),
});

/** What baseline.py found. */
export type Baseline = z.infer<typeof baselineSchema>;

/** @returns undefined where it never ran. @throws Error for a file that is damaged */
export function readBaseline({ baseline: file }: Pick<CacheEntry, 'baseline'>, samples: number): Baseline | undefined {
  if (!existsSync(file)) return undefined;
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    content = undefined;
  }
  const parsed = baselineSchema.safeParse(content);
  if (parsed.success && parsed.data.predictions.length === samples) return parsed.data;
  throw new Error(`${file} is damaged: delete it, and scikit-learn runs again`);
}

/** A Python that has scikit-learn. @throws Error that says how to get it */
export function findPython(interpreters: readonly string[] = INTERPRETERS): string {
  const found = interpreters.find((python) => spawnSync(python, ['-c', 'import sklearn']).status === 0);
  if (found === undefined) throw new Error(`no python3 with scikit-learn: ${HOW_TO_GET_IT}`);
  return found;
}

/** Fits all folds on one core: seconds to ten minutes. @throws Error with what Python says */
export function runBaseline(python: string, { values, info, baseline }: CacheEntry): Promise<void> {
  const script = join(packageFolder(), 'bench', 'learn', 'baseline.py');
  return new Promise((resolve, reject) => {
    const child = spawn(python, [script, values, info, baseline], { stdio: ['ignore', 'ignore', 'pipe'] });
    let problem = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      problem = `${problem}${text}`.slice(-2000);
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) return resolve();
      const why = problem.trim().split('\n').at(-1) ?? '';
      reject(new Error(`${basename(script)} ended (${code ?? signal}): ${why}`));
    });
  });
}
