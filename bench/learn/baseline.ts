import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { packageFolder } from '../shared-folder.js';
import type { CacheEntry } from './embedding-cache.js';
import { sideBySide } from './side-by-side.js';

const HOW_TO_GET_IT = 'install python3-sklearn (Debian, Ubuntu: `apt-get install python3-sklearn`), and run this again';
/** Debian's own, whose packages are apt's, before whatever else there is. */
const INTERPRETERS = ['/usr/bin/python3', 'python3'];

const baselineSchema = z.object({
  baseline: z.string(),
  /** [samples] Index of the class that the fold's fit gives for each sample that it did not see; -1: no fold tests it. */
  predictions: z.array(z.number().int()),
});

/** What baseline.py found. */
export type Baseline = z.infer<typeof baselineSchema>;

/** What scikit-learn is to fit, once: the result stays on disk. */
export interface OfflineFit {
  readonly name: string;
  readonly embeddings: Pick<CacheEntry, 'values' | 'info'>;
  readonly samples: number;
  /** The file that it writes. */
  readonly result: string;
  /** [samples] The fold that tests each; -1: none. undefined: those of the embeddings. */
  readonly folds?: readonly number[] | undefined;
}

/** @returns what there is; without those that could not be done, and why. The cache is looked at before Python is. @throws Error when a fit fails */
export async function baselinesOf(
  fits: readonly OfflineFit[],
  jobs: number,
  log: (line: string) => void,
): Promise<{ found: Map<OfflineFit, Baseline>; problem?: string }> {
  const found = new Map<OfflineFit, Baseline>();
  const isFound = (fit: OfflineFit) => {
    const baseline = readBaseline(fit.result, fit.samples);
    if (baseline !== undefined) found.set(fit, baseline);
    return baseline !== undefined;
  };
  const missing = fits.filter((fit) => !isFound(fit));
  if (missing.length === 0) return { found };
  let python: string;
  try {
    python = findPython();
  } catch (error) {
    return { found, problem: `${missing.length} of ${fits.length} offline fits: ${(error as Error).message}` };
  }
  log(`${missing.length} offline fits to do, ${jobs} side by side: seconds to ten minutes each, once`);
  await sideBySide(missing, Array.from({ length: jobs }), async (fit) => {
    await runBaseline(python, fit);
    log(`${fit.name}: offline fit done`);
    isFound(fit);
  });
  return { found };
}

/** @returns undefined where it never ran. @throws Error for a file that is damaged */
export function readBaseline(file: string, samples: number): Baseline | undefined {
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

/** On one core. @throws Error with what Python says */
function runBaseline(python: string, { embeddings, result, folds }: OfflineFit): Promise<void> {
  const script = join(packageFolder(), 'bench', 'learn', 'baseline.py');
  const given = [script, embeddings.values, embeddings.info, result, ...(folds === undefined ? [] : ['-'])];
  return new Promise((resolve, reject) => {
    const child = spawn(python, given, { stdio: ['pipe', 'ignore', 'pipe'] });
    let problem = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      problem = `${problem}${text}`.slice(-2000);
    });
    // One that ends before it has read them says why itself.
    child.stdin.on('error', () => {});
    child.stdin.end(folds === undefined ? '' : JSON.stringify(folds));
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) return resolve();
      const why = problem.trim().split('\n').at(-1) ?? '';
      reject(new Error(`${basename(script)} ended (${code ?? signal}): ${why}`));
    });
  });
}
