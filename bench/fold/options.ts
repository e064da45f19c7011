import { parseArgs } from 'node:util';

export const USAGE = `usage: npm run bench:fold -- [--only rate,paced,heads,swap] [--rounds 5] [--seconds 60] [--quick] [--write] [--json]
  --only     some of the four: how fast one head learns, how long it waits for refits, 1,000 heads, versions changing under requests
  --rounds   of what is measured in turns
  --seconds  that the 1,000 heads learn
  --quick    short streams, 2 rounds, 50 heads: to see that it works, not to quote
  --write    put the tables into docs/learning.md
  --json     one JSON object as the last line of stdout; the rest goes to stderr`;

const PARTS = ['rate', 'paced', 'heads', 'swap'] as const;
export type Part = (typeof PARTS)[number];

export interface Options {
  readonly only: readonly Part[];
  readonly rounds: number;
  readonly seconds: number;
  readonly quick: boolean;
  readonly write: boolean;
  readonly json: boolean;
}

/** @returns undefined when help was asked for. @throws Error with the usage */
export function readOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const { quick, write, json } = values;
  const only = values.only === undefined ? PARTS : values.only.split(',').map(partOf);
  if (write && (quick || only.length < PARTS.length)) {
    throw new Error(`--write: the page gets all of it or nothing: not with --quick or --only\n${USAGE}`);
  }
  return {
    only,
    rounds: positive('rounds', values.rounds ?? (quick ? '2' : '5')),
    seconds: positive('seconds', values.seconds ?? (quick ? '10' : '60')),
    ...{ quick, write, json },
  };
}

function partOf(name: string): Part {
  const part = PARTS.find((each) => each === name);
  if (part === undefined) throw new Error(`--only: ${name} is none of ${PARTS.join(', ')}\n${USAGE}`);
  return part;
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name}: expected a whole number from 1\n${USAGE}`);
  return value;
}
