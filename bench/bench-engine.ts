// `npm run bench:engine`: the sparse engine beside ONNX Runtime on the networks of issue 3. What each figure means: docs/performance.md.
import { parseArgs } from 'node:util';
import { measureNetwork } from './engine/measure-network.js';
import type { Sides } from './engine/measure-resnet50.js';
import { measureFootprint, measureIsolated, measureNoise } from './engine/measure-resnet50.js';
import { ModelFiles } from './engine/model-files.js';
import type { MeasurePlan } from './engine/plan.js';
import type { EngineBenchResult } from './engine/results.js';
import type { BenchNetwork } from './networks/catalogue.js';
import { benchNetworks } from './networks/catalogue.js';
import { commandLine } from './report/command-line.js';
import { engineSections } from './report/engine-tables.js';
import { describeMachine } from './report/machine.js';
import { writeSections } from './report/page.js';

const USAGE = `usage: npm run bench:engine -- [--only NAME[,NAME...]] [--pairs 15] [--quick] [--against-itself] [--write] [--json]
  --only            networks, and the parts isolated, footprint and noise; NAME may be the beginning of names
  --pairs           interleaved pairs of each comparison
  --quick           3 pairs and few runs: to see that it works, not to quote
  --against-itself  ONNX Runtime in the sparse engine's place: ratios should be 1
  --write           put the tables into docs/performance.md (everything measured, not quick)
  --json            one JSON object as the last line of stdout; the rest goes to stderr`;

/** What is measured on ResNet-50 at 90 % only. */
const PARTS = ['isolated', 'footprint', 'noise'];
const ON_RESNET50 = 'resnet50-90';

interface Options {
  readonly only: readonly string[];
  readonly plan: MeasurePlan;
  readonly write: boolean;
  readonly json: boolean;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      pairs: { type: 'string' },
      quick: { type: 'boolean', default: false },
      'against-itself': { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  const pairs = Number(values.pairs ?? (values.quick ? 3 : 15));
  if (!Number.isInteger(pairs) || pairs < 1) throw new Error(`--pairs: expected a whole number from 1\n${USAGE}`);
  if (values.write && (values.quick || values.only !== undefined || values['against-itself'])) {
    throw new Error(`--write: not with --only, --quick or --against-itself, for the page shows everything\n${USAGE}`);
  }
  return {
    only: values.only?.split(',') ?? [''],
    write: values.write,
    json: values.json,
    plan: {
      pairs,
      noiseRuns: values.quick ? 50 : 300,
      processes: values.quick ? 1 : 3,
      ours: values['against-itself'] ? 'onnxruntime' : 'sparse',
      log: (line) => console.error(line),
    },
  };
}

async function bench({ only, plan }: Options): Promise<EngineBenchResult> {
  const { networks, missing } = benchNetworks();
  const names = [...networks.map(({ name }) => name), ...PARTS];
  const wanted = (name: string) =>
    only.some((given) => (names.includes(given) ? name === given : name.startsWith(given)));
  const parts = PARTS.filter(wanted);
  const chosen = networks.filter(({ name }) => wanted(name));
  if (chosen.length + parts.length === 0) {
    throw new Error(`--only: there are ${names.join(', ')}`);
  }
  const found: EngineBenchResult['networks'][number][] = [];
  for (const network of chosen) found.push(...(await withFiles((files) => measureNetwork(network, files, plan))));
  const resnet50 = networks.find(({ name }) => name === ON_RESNET50)!;
  const rest = parts.length === 0 ? {} : await withFiles((files) => measureParts(parts, resnet50, files, plan));
  return {
    machine: describeMachine(),
    command: commandLine('bench:engine'),
    networks: found,
    ...rest,
    leftOut: missing.filter(wanted),
  };
}

async function measureParts(parts: readonly string[], network: BenchNetwork, files: ModelFiles, plan: MeasurePlan) {
  const spec = network.make();
  const model = files.writeModel(network.name, spec);
  const input = await files.writeInputs(network);
  const sides = (threads: number): Sides => {
    const common = { output: 'y', size: network.size, batch: 1, threads, input, model, isa: 'auto' } as const;
    return { sparse: { ...common, engine: plan.ours }, fp32: { ...common, engine: 'onnxruntime' } };
  };
  const measure = async <T>(part: string, work: () => Promise<T>) => {
    if (!parts.includes(part)) return undefined;
    plan.log(part);
    return work();
  };
  return {
    isolated: await measure('isolated', () => measureIsolated(sides(1), plan)),
    footprint: await measure('footprint', () => measureFootprint(sides(1), plan)),
    noise: await measure('noise', async () => [await measureNoise(sides(2), plan), await measureNoise(sides(1), plan)]),
  };
}

async function withFiles<T>(work: (files: ModelFiles) => Promise<T>): Promise<T> {
  const files = new ModelFiles();
  try {
    return await work(files);
  } finally {
    files.remove();
  }
}

try {
  const options = readOptions();
  const result = await bench(options);
  const sections = engineSections(result);
  const print = options.json ? console.error : console.log;
  for (const { markdown } of sections) print(`\n${markdown}`);
  if (options.write) writeSections(sections);
  if (options.json) console.log(JSON.stringify(result));
} catch (error) {
  console.error(`bench:engine: ${(error as Error).message}`);
  process.exitCode = 1;
}
