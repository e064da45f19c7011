import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import type { LearnerOptions } from '../../learner/index.js';
import { ConfigError } from './error.js';
import { learner } from './schema/learner.js';
import { readYaml } from './yaml.js';

/**
 * Reads a file (YAML, or JSON, which is YAML) with what `heads[].learner` may have; what it leaves out is as in the configuration.
 * @throws ConfigError with a line for every problem.
 */
export async function loadLearnerFile(path: string): Promise<LearnerOptions> {
  let value: unknown;
  try {
    value = readYaml(await readFile(path, 'utf8'));
  } catch (error) {
    const reason = (error as Error).message.split('\n')[0];
    throw new ConfigError([`${path}: can't read the learner's options: ${reason}`], { cause: error });
  }
  const parsed = learner.safeParse(value ?? {});
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => `${path}: ${placeOf(issue)}: ${messageOf(issue)}`);
  throw new ConfigError(lines);
}

function placeOf(issue: z.core.$ZodIssue): string {
  const key = issue.path.map(String).join('.');
  return key === '' ? 'the top level' : key;
}

function messageOf(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'unrecognized_keys') return issue.message.replace(/^Invalid input: /, '');
  const known = Object.keys(learner.shape).join(', ');
  return `unknown key ${issue.keys.map((key) => JSON.stringify(key)).join(', ')}; expected some of: ${known}`;
}
