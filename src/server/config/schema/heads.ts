import { z } from 'zod';
import { className, integer, name } from '../fields.js';
import { learner } from './learner.js';

/** Classes that any head can have at most. */
const MAX_CLASSES = 100_000;

export const head = z.strictObject({
  name: name('a head name').describe('also the model name that requests use'),
  backbone: name('the name of a backbone').describe('where its embeddings come from'),
  classes: z
    .union([z.literal('open'), z.array(className()).min(1)], {
      error: 'expected `open` or a list of class names, each of 1 to 128 characters without control characters',
    })
    .default('open')
    .describe('open: new labels become classes; or a fixed list'),
  maxClasses: integer(1, MAX_CLASSES).default(1000).describe('classes an open head can have'),
  learner: learner.prefault({}).describe('how it learns; fixed when the head is created'),
});

/** What a head is made with when it is created while the server runs. */
export const DEFAULT_HEAD = Object.freeze({
  maxClasses: head.shape.maxClasses.parse(undefined),
  classLimit: MAX_CLASSES,
});

export function firstRepeated(names: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return names.find((entry) => seen.size === seen.add(entry).size);
}

/** Class names in Unicode NFC; a sentence when one of them is not acceptable or listed twice. */
export function checkClassNames(names: readonly string[]): readonly string[] | string {
  const parsed = z.array(className()).safeParse(names);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return issue?.path.length === 0 ? issue.message : `entry ${String(issue?.path[0])}: ${issue?.message}`;
  }
  const twice = firstRepeated(parsed.data);
  return twice === undefined ? parsed.data : `${JSON.stringify(twice)} is listed twice`;
}
