import type { Spread } from '../measure/statistics.js';
import { type Demand, demandOf, ELSEWHERE, type Installation } from '../scaling/example.js';
import type { Comparison, ScalingResult, Throughput } from '../scaling/results.js';
import type { Section } from './engine-tables.js';
import { digits, table } from './markdown.js';

/** What bench:scaling measured, and what the model makes of the worked example: sections of docs/scaling.md. */
export function scalingSections(result: ScalingResult, examples: readonly Installation[]): Section[] {
  return [
    { name: 'scaling', markdown: measuredSection(result) },
    { name: 'scaling:example', markdown: exampleTable(examples) },
  ];
}

function measuredSection(result: ScalingResult): string {
  const {
    machine,
    load,
    command,
    natsServer,
    requests,
    rounds,
    dimensions,
    classes,
    throughput,
    comparisons,
    handOverMs,
  } = result;
  const setting =
    `${natsServer}, 3 nodes on loopback with 3 copies of everything; one head of ${classes} classes on embeddings of ${dimensions}, \`train: [sgd]\`; ` +
    `${rounds} rounds of ${requests} requests and ${Math.ceil(requests / 2)} labels with each number of processes, after two that do not count.`;
  const handed =
    handOverMs === undefined
      ? ''
      : `\n\nA lease handed over: ${digits(handOverMs)} ms from SIGTERM to the process that taught the head until another one taught it; that one then learned.`;
  const { date, commit, cpu, cores, memoryGiB, system, node } = machine;
  const where = `${date}, commit ${commit}: ${cpu}, ${cores} cores, ${memoryGiB} GiB, ${system}, Node.js ${node}; load average before the start ${load.toFixed(1)}.`;
  const how = `Command: \`${command}\`. Figures are medians over the rounds, in brackets the smallest and the largest.`;
  return `${where}\n${how}\n${setting}\n\n${throughputTable(throughput)}${handed}\n\n${comparisonTable(comparisons)}`;
}

function throughputTable(throughput: readonly Throughput[]): string {
  const head = [
    'processes',
    'requests a second',
    '`recorded`',
    'labels joined a second',
    'labels learned a second',
    'a version served by all, ms',
    'idle, cores: Headwater',
    'NATS',
    'files / stored x 3',
  ];
  return table(
    head,
    throughput.map((each) => [
      String(each.replicas),
      about(each.requests),
      `${(100 * each.recorded).toFixed(1)} %`,
      about(each.joined),
      about(each.learned),
      about(each.versionMs),
      each.idleCores.headwater.toFixed(3),
      each.idleCores.nats.toFixed(3),
      each.diskOverStored.toFixed(2),
    ]),
  );
}

function comparisonTable(comparisons: readonly Comparison[]): string {
  const head = ['what', 'processes', 'unit', 'model', 'measured', 'measured / model'];
  return table(
    head,
    comparisons.map(({ what, replicas, unit, model, measured }) => [
      what,
      String(replicas),
      unit,
      model === undefined ? '-' : digits(model),
      about(measured),
      model === undefined ? 'the figure that the others are compared with' : ratio(measured, model),
    ]),
  );
}

function ratio({ median, min, max }: Spread, model: number): string {
  return `${(median / model).toFixed(2)} (${(min / model).toFixed(2)} to ${(max / model).toFixed(2)})`;
}

function about({ median, min, max }: Spread): string {
  return `${digits(median)} (${digits(min)} to ${digits(max)})`;
}

/** A line of the worked example: what, by which arithmetic, and the figure. */
type Line = readonly [what: string, by: string, figure: (demand: Demand, example: Installation) => string];

const LINES: readonly Line[] = [
  ['heads', 'given', (_, { heads }) => count(heads)],
  ['requests, labels a second', 'given', (_, { requests, labels }) => `${count(requests)}, ${count(labels)}`],
  [
    'processes that serve, join, learn',
    'given',
    (_, { processes: { serve, join, learn } }) => `${serve}, ${join}, ${learn}`,
  ],
  ['`labels.window`, `snapshots.everySamples`, `.interval`, `learn.memory`', 'given', (_, each) => settings(each)],
  ['**A** a served record', '4 D + the rest, as above', ({ recordBytes }) => `${count(recordBytes)} B`],
  ['**B** a training entry', '4 D + the rest, as above', ({ entryBytes }) => `${count(entryBytes)} B`],
  ['**C** records into their stream', 'requests x A', ({ recordsIn }) => size(recordsIn, '/s')],
  ['records between nodes', '2 copies, and 2/3 of C to the leader', (demand) => size(demand.recordsBetweenNodes, '/s')],
  ['arrivals (subjects only)', 'requests x join', ({ arrivalMessages }) => `${count(arrivalMessages)} messages/s`],
  ['records asked for by those that join', 'labels x A', ({ recordsFetched }) => size(recordsFetched, '/s')],
  ['entries to those that learn', 'labels x learn x B', ({ entriesOut }) => size(entriesOut, '/s')],
  ['records in one copy', 'requests x (window + 3,600 s) x stored', ({ windowStored }) => size(windowStored)],
  [
    '... held by the default of 1 GiB',
    '2^30 / (requests x stored)',
    (demand) => `${demand.defaultHeldSeconds.toFixed(0)} s`,
  ],
  ['training logs in one copy, a day', 'labels x 86,400 s x stored', (demand) => size(demand.trainingStoredDay)],
  ['**D** weights of a version', '4 C (D + 1) + header', (demand) => size(demand.modelBytes)],
  [
    'versions wanted',
    'heads x max(l / everySamples, 1 / (interval + 1 / l)), l = labels / heads',
    (demand) => `${count(demand.wantedVersions)}/s`,
  ],
  ['**E** versions made', 'at most 40/s x learn', ({ versions }) => `${count(versions)}/s`],
  ['fan-out of versions', 'E x serve x (D + description + pointer)', ({ fanOut }) => size(fanOut, '/s')],
  ['weights in each process that serves', 'heads x D', ({ weightsPerReplica }) => size(weightsPerReplica)],
  [
    'cores for the backbone',
    `requests x ${1000 * ELSEWHERE.imageSecondsOfCore} ms`,
    ({ engineCores }) => engineCores.toFixed(1),
  ],
  [
    'cores for learning, `sgd` alone',
    `labels / ${ELSEWHERE.samplesPerSecondSgd}`,
    (demand) => demand.learnCoresSgd.toFixed(2),
  ],
  [
    'cores for learning, all four',
    `${ELSEWHERE.coresOfAll} x labels / ${ELSEWHERE.samplesPerSecondAll}`,
    (demand) => demand.learnCoresAll.toFixed(2),
  ],
  [
    'heads with all four learners',
    'learn x floor(`learn.memory` / state)',
    ({ headsWithAll }, { processes }) => count(headsWithAll * processes.learn),
  ],
];

function exampleTable(examples: readonly Installation[]): string {
  const solved = examples.map((example) => ({ example, demand: demandOf(example) }));
  const rows = LINES.map(([what, by, figure]) => [
    what,
    by,
    ...solved.map(({ demand, example }) => figure(demand, example)),
  ]);
  return table(['what', 'by', ...examples.map(({ title }) => title)], rows);
}

function settings({ windowSeconds, everySamples, intervalSeconds, memoryBytes }: Installation): string {
  return `${count(windowSeconds)} s, ${count(everySamples)}, ${intervalSeconds} s, ${memoryBytes / 2 ** 30} GiB`;
}

function count(value: number): string {
  return value < 10 ? digits(value) : Math.round(value).toLocaleString('en-US');
}

/** Powers of ten. */
function size(bytes: number, suffix = ''): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  const power = Math.max(0, Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  return `${digits(bytes / 1000 ** power)} ${units[power]}${suffix}`;
}
