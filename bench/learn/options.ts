import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { BACKBONES, type BenchBackbone, type BenchSet, SETS } from './catalogue.js';
import { FOLDS } from './embeddings.js';

const USAGE = `usage: npm run bench:learn -- [--only SET[/BACKBONE],...] [--folds 5] [--jobs N] [--quick] [--write] [--json]
  --only   sets: ${SETS.map(({ name }) => name).join(', ')}; backbones: ${BACKBONES.map(({ name }) => name).join(', ')}
  --folds  how many of the ${FOLDS} folds are tested
  --jobs   processes side by side; default: all cores
  --quick  the two smallest backbones, 2 folds: to see that it works, not to quote
  --write  put tables and pictures into docs/
  --json   one JSON object as the last line of stdout; the rest goes to stderr`;

/** Shuffles of the splits that earlier figures are of. */
const SHUFFLES = 5;
const QUICK_BACKBONES = 2;

export interface Options {
  readonly only: readonly string[];
  readonly folds: number;
  readonly shuffles: number;
  readonly jobs: number;
  readonly quick: boolean;
  readonly write: boolean;
  readonly json: boolean;
}

/** What is measured. */
export interface PairName {
  readonly set: BenchSet;
  readonly backbone: BenchBackbone;
}

/** @throws Error with the usage. It ends the process after --help. */
export function readOptions(): Options {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: 'string', multiple: true, default: [] },
      folds: { type: 'string' },
      jobs: { type: 'string', default: String(availableParallelism()) },
      quick: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  if (positionals.length > 0 && values.only.length === 0) throw new Error(`${positionals[0]}: unexpected\n${USAGE}`);
  const only = [...values.only, ...positionals].flatMap((text) => text.split(','));
  for (const wanted of only) {
    if (!allPairs().some((pair) => matches(pair, wanted)))
      throw new Error(`--only ${wanted}: no such set or backbone\n${USAGE}`);
  }
  const folds = whole('folds', values.folds ?? String(values.quick ? 2 : FOLDS), FOLDS);
  if (values.write && (values.quick || only.length > 0 || folds < FOLDS)) {
    throw new Error(`--write: not with --quick, --only or fewer folds: the page holds whole tables\n${USAGE}`);
  }
  const { quick, write, json } = values;
  return { only, folds, shuffles: quick ? 1 : SHUFFLES, jobs: whole('jobs', values.jobs, 1024), quick, write, json };
}

function whole(name: string, text: string, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new Error(`--${name}: expected a whole number from 1 to ${most}\n${USAGE}`);
}

function allPairs(): PairName[] {
  return BACKBONES.flatMap((backbone) => SETS.map((set) => ({ set, backbone })));
}

function matches({ set, backbone }: PairName, wanted: string): boolean {
  return wanted === set.name || wanted === `${set.name}/${backbone.name}`;
}

/** The smallest backbones first. */
export function wantedPairs({ only, quick }: Options): PairName[] {
  const small = BACKBONES.slice(0, QUICK_BACKBONES);
  return allPairs().filter(
    (pair) =>
      (only.length === 0 || only.some((wanted) => matches(pair, wanted))) && (!quick || small.includes(pair.backbone)),
  );
}
