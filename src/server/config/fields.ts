// The kinds of values that a key can have. Each says what it expects, so that every error reads alike.
import { z } from 'zod';
import { checkClassName } from '../../learner/index.js';
import { parseBytes, parseDuration } from './units.js';

/** Model, head and backbone names: safe in metrics, URLs and on the terminal. */
export const NAME_PATTERN = /^[a-z0-9][a-z0-9_-]{0,62}$/;
export const NAME_RULE = 'a name of 1 to 63 characters: a-z, 0-9, _ and -, the first one a letter or a digit';

const expected = (what: string) => (issue: { input?: unknown }) =>
  issue.input === undefined ? `missing: expected ${what}` : `expected ${what}, got ${show(issue.input)}`;

/** A value as a person wrote it, on one line and not too long. */
function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

export function integer(min: number, max: number) {
  const error = expected(`a whole number from ${min} to ${max}`);
  return z.int({ error }).min(min, { error }).max(max, { error });
}

export function real(min: number, max: number, above = false) {
  const error = expected(`a number ${above ? 'above' : 'from'} ${min}${above ? ' and up' : ''} to ${max}`);
  const base = z.number({ error }).max(max, { error });
  return above ? base.gt(min, { error }) : base.min(min, { error });
}

export function flag() {
  return z.boolean({ error: expected('true or false') });
}

export function text(what: string) {
  return z.string({ error: expected(what) }).min(1, { error: expected(what) });
}

export function name(what: string) {
  const error = expected(`${what}: ${NAME_RULE}`);
  return z.string({ error }).regex(NAME_PATTERN, { error });
}

export function choice<const T extends readonly [string, ...string[]]>(values: T) {
  return z.enum(values, { error: expected(`one of ${values.join(', ')}`) });
}

/** Written "24h"; read as milliseconds. */
export function duration(min: string, max: string) {
  return quantity(parseDuration, `a duration from ${min} to ${max}, such as 24h, 30s or 500ms`, min, max);
}

/** Written "4GiB"; read as bytes. */
export function bytes(min: string, max: string) {
  return quantity(parseBytes, `a size from ${min} to ${max}, such as 4GiB, 64MiB or 20MB`, min, max);
}

function quantity(parse: (text: string) => number | undefined, what: string, min: string, max: string) {
  const error = expected(what);
  const low = parse(min) ?? 0;
  const high = parse(max) ?? Number.MAX_SAFE_INTEGER;
  return z.union([z.string(), z.number()], { error }).transform((input, context) => {
    const value = parse(String(input));
    if (value === undefined || value < low || value > high) {
      context.addIssue({ code: 'custom', message: error({ input }) });
      return z.NEVER;
    }
    return value;
  });
}

/** A list of `item`s; the environment and --set may give it as `a,b`. */
export function list<T extends z.ZodType>(item: T, what: string) {
  return z.array(item, { error: expected(what) });
}

/** Class names, by the learner's rule: in Unicode NFC afterwards. */
export function className() {
  return z.string({ error: expected('a class name') }).transform((input, context) => {
    const checked = checkClassName(input);
    if (checked.ok) return checked.value;
    context.addIssue({
      code: 'custom',
      message: `expected a class name: ${checked.problem.replace('the label', 'it')}`,
    });
    return z.NEVER;
  });
}
