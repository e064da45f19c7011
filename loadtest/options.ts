import { parseArgs } from 'node:util';
import type { Input } from './generator/traffic.js';
import { scenarios } from './scenarios/index.js';

export const CAPACITY = 'capacity';
const NAMES = [CAPACITY, ...scenarios.map(({ name }) => name)];
const ENGINES = ['sparse', 'onnxruntime', 'auto'] as const;

export const USAGE = `usage: npm run loadtest -- --scenario NAME [options]      (or --all: every scenario but soak)
  --scenario   ${NAMES.join(', ')}; several with commas
  --check      exit status 1, and a line for each, when a promise is broken
  --compare    the same load on the baseline too (loadtest/baseline), in turn: no more than the slower one
               can bear, so the promises of the scenario are not looked at
  --write      put the results into docs/loadtest.md
  --model      resnet50-90 (default), resnet50, mobilenet, tiny; capacity: both ResNets when it is not given
  --engine     sparse, onnxruntime, auto; default: sparse for resnet50-90, else onnxruntime
  --input      image (JPEG, default) or pixels
  --batch N    images a batch at most (8)           --threads N   of the engine (1)
  --capacity N images a second; default: measured at the begin of each scenario
  --seed N     of the arrivals (1)                  --minutes N   of a soak (30)
  --scale F    durations times F, to try things out (1)
  --no-pin     server and load on any core          --out DIR     for the report (.cache/loadtest/reports)
  --json       the report on stdout too`;

export interface Options {
  readonly scenarios: readonly string[];
  readonly check: boolean;
  readonly compare: boolean;
  readonly write: boolean;
  readonly model: string | undefined;
  readonly engine: (typeof ENGINES)[number] | undefined;
  readonly input: Input;
  readonly batch: number;
  readonly threads: number;
  readonly capacity: number | undefined;
  readonly seed: number;
  readonly minutes: number;
  readonly scale: number;
  readonly pin: boolean;
  readonly out: string | undefined;
  readonly json: boolean;
}

/** @throws Error that says what is wrong, for status 2. @returns undefined when help was asked for */
export function readOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      scenario: { type: 'string' },
      all: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
      compare: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      model: { type: 'string' },
      engine: { type: 'string' },
      input: { type: 'string', default: 'image' },
      batch: { type: 'string', default: '8' },
      threads: { type: 'string', default: '1' },
      capacity: { type: 'string' },
      seed: { type: 'string', default: '1' },
      minutes: { type: 'string', default: '30' },
      scale: { type: 'string', default: '1' },
      'no-pin': { type: 'boolean', default: false },
      out: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  if (values.all === (values.scenario !== undefined)) throw new Error('expected --scenario NAME or --all');
  const { check, compare, write, model, out, json } = values;
  if (check && compare) {
    throw new Error(
      '--check with --compare: promises are about the load that Headwater can bear, and compared servers get what the slower one can; run them apart',
    );
  }
  if (write && values.scale !== '1') throw new Error('--write: a trial (--scale) is no result');
  return {
    ...{ check, compare, write, model, out, json, pin: !values['no-pin'] },
    scenarios: values.all
      ? NAMES.filter((name) => name !== 'soak')
      : (values.scenario ?? '').split(',').map(scenarioName),
    engine: values.engine === undefined ? undefined : oneOf('engine', values.engine, ENGINES),
    input: oneOf('input', values.input, ['image', 'pixels']),
    batch: number('batch', values.batch, 1, true),
    threads: number('threads', values.threads, 1, true),
    capacity: values.capacity === undefined ? undefined : number('capacity', values.capacity, 0.1),
    seed: number('seed', values.seed, 0, true),
    minutes: number('minutes', values.minutes, 0.1),
    scale: number('scale', values.scale, 0.01),
  };
}

function scenarioName(name: string): string {
  return oneOf('scenario', name, NAMES);
}

function oneOf<T extends string>(option: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((each) => each === value);
  if (found === undefined) throw new Error(`--${option}: expected one of ${allowed.join(', ')}, got ${value}`);
  return found;
}

function number(option: string, text: string, least: number, whole = false): number {
  const value = Number(text);
  if (text === '' || !(value >= least) || !Number.isFinite(value) || (whole && !Number.isInteger(value))) {
    throw new Error(`--${option}: expected a ${whole ? 'whole ' : ''}number from ${least}, got ${text}`);
  }
  return value;
}
