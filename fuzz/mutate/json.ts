// Changes of JSON values: keys lost, renamed and new, values of other types and sizes.
import type { Random } from '../random.js';
import { mutateBytes } from './bytes.js';

const VALUES: readonly unknown[] = [
  ...[null, true, false, 0, -0, -1, 1.5, 1e308, 2 ** 53, -(2 ** 31), 1e-320, '', 'x', '1e999', 'NaN'],
  ...[
    '\0',
    '\u0301e',
    '\ud800',
    '\u{1f408}'.repeat(200),
    '\x1b[31m',
    '<script>',
    '__proto__',
    'constructor',
    'a'.repeat(5000),
  ],
  ...[[], {}, [[]], [null], { __proto__: null }, [1, 'a', null]],
];
const KEYS = [
  '__proto__',
  'constructor',
  'toString',
  'length',
  '',
  '0',
  'id',
  'label',
  'embedding',
  'name',
  'a.b',
  'x'.repeat(300),
];

/** One to six changes of a value, which is copied. */
export function mutateValue(random: Random, value: unknown): unknown {
  let changed = structuredClone(value);
  for (let turn = 1 + random.size(5); turn > 0; turn--) changed = changeValue(random, changed);
  return changed;
}

/** JSON text: of a changed value, or changed as text. */
export function mutateJson(random: Random, text: string): string {
  if (random.chance(0.85)) {
    try {
      return JSON.stringify(mutateValue(random, JSON.parse(text))) ?? '';
    } catch {
      // No JSON: as text.
    }
  }
  if (random.chance(0.05)) return '['.repeat(random.size(20_000)) + text;
  return Buffer.from(mutateBytes(random, Buffer.from(text))).toString(random.chance(0.5) ? 'utf8' : 'latin1');
}

function changeValue(random: Random, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || random.chance(0.05)) return otherValue(random, value);
  const keys = Object.keys(value);
  if (keys.length > 0 && random.chance(0.65)) {
    const key = random.pick(keys);
    return withKey(value, key, changeValue(random, (value as Record<string, unknown>)[key]));
  }
  if (Array.isArray(value)) {
    const at = random.int(value.length + 1);
    if (random.chance(0.4)) return [...value.slice(0, at), ...value.slice(at + 1)];
    return [...value.slice(0, at), random.chance(0.5) ? value[0] : random.pick(VALUES), ...value.slice(at)];
  }
  const entries = Object.entries(value);
  if (entries.length > 0 && random.chance(0.5)) entries.splice(random.int(entries.length), 1);
  else entries.push([random.pick(KEYS), random.pick(VALUES)]);
  return Object.fromEntries(entries);
}

function withKey(value: object, key: string, item: unknown): unknown {
  if (Array.isArray(value)) return value.map((entry, index) => (String(index) === key ? item : entry));
  return Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, name === key ? item : entry]));
}

function otherValue(random: Random, value: unknown): unknown {
  if (typeof value === 'number' && random.chance(0.6)) {
    return random.pick([value + 1, value - 1, -value, value * 1e6, value / 3, value * 2 ** 32]);
  }
  if (typeof value === 'string' && random.chance(0.6)) {
    return Buffer.from(mutateBytes(random, Buffer.from(value))).toString();
  }
  return random.pick(VALUES);
}
