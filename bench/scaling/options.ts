import { parseArgs } from 'node:util';

export const USAGE = `usage: npm run bench:scaling -- [--replicas 3] [--rounds 3] [--requests 1000] [--quick] [--write] [--json]
  --replicas   Headwater processes at most: 1, 2, ... of them are measured
  --rounds     of requests, labels and versions with each number of processes
  --requests   a round; half as many labels
  --quick      2 short rounds: to see that it works, not to quote
  --write      put the tables into docs/scaling.md
  --json       one JSON object as the last line of stdout; the rest goes to stderr`;

export interface Options {
  readonly replicas: number;
  readonly rounds: number;
  readonly requests: number;
  readonly write: boolean;
  readonly json: boolean;
}

/** @returns undefined when help was asked for. @throws Error with the usage */
export function readOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      replicas: { type: 'string', default: '3' },
      rounds: { type: 'string' },
      requests: { type: 'string' },
      quick: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const { quick, write, json } = values;
  if (write && quick) throw new Error(`--write: not with --quick, whose figures are not to be quoted\n${USAGE}`);
  return {
    replicas: positive('replicas', values.replicas),
    rounds: positive('rounds', values.rounds ?? (quick ? '2' : '3')),
    requests: positive('requests', values.requests ?? (quick ? '200' : '1000')),
    ...{ write, json },
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name}: expected a whole number from 1\n${USAGE}`);
  return value;
}
