import type { LearnBenchResult, PairResult, SplitResult } from '../learn/results.js';
import { type Interval, mean } from '../learn/scores.js';
import {
  type Comparison,
  type ErrorIncrease,
  errorIncreases,
  type PairSummary,
  summarise,
} from '../learn/summarise.js';
import type { Section } from './engine-tables.js';
import { table } from './markdown.js';

interface Row {
  readonly pair: PairResult;
  readonly summary: PairSummary;
}

/** The parts of docs/learning.md that a run fills. @param pictures of the page, as Markdown */
export function learnSections(result: LearnBenchResult, pictures: readonly string[] = []): Section[] {
  const rows = result.pairs.map((pair) => ({ pair, summary: summarise(pair) }));
  const increases = errorIncreases(result.pairs);
  const accuracy = [
    accuracyTable(rows),
    verdict(rows),
    ...(increases.length === 0 ? [] : [increaseTable(increases)]),
    ...(result.splits.length === 0 ? [] : [splitTable(result.splits)]),
  ];
  return [
    { name: 'learn:machine', markdown: machineLines(result) },
    { name: 'learn:accuracy', markdown: accuracy.join('\n\n') },
    { name: 'learn:learners', markdown: [learnersTable(rows, result), ...pictures].join('\n\n') },
  ];
}

function machineLines({ machine, command, baseline, pairs, leftOut }: LearnBenchResult): string {
  const { date, commit, cpu, cores, memoryGiB, system, node } = machine;
  const folds = Math.max(0, ...pairs.map((pair) => pair.folds.length));
  const lines = [
    `${date}, commit ${commit}: ${cpu}, ${cores} cores, ${memoryGiB} GiB, ${system}, Node.js ${node}.`,
    `Command: \`${command}\`. Embeddings by the sparse engine. ${folds} of 5 stratified folds: the training part comes once, shuffled, through the fold that the service runs`,
    '(`auto`: all four learners from the start, what serves is chosen as it goes), then the served weights predict the test part.',
    baseline === undefined
      ? 'The offline baseline did not run.'
      : `Baseline, on the same folds, offline: ${baseline}, C by 3-fold cross-validation inside the training part.`,
    ...(leftOut.length === 0 ? [] : [`\nLeft out: ${leftOut.join('; ')}.`]),
  ];
  return lines.join('\n');
}

function accuracyTable(rows: readonly Row[]): string {
  const head = [
    'set',
    'backbone',
    'scikit-learn, top-1 %',
    '`auto`, top-1 %',
    'difference, points (95 % over folds)',
    '95 % over images',
    'target',
    '',
    'mean per class %: scikit-learn',
    '`auto`',
    'champion',
  ];
  const body = rows.map(({ pair, summary: { auto, against, champions } }) => [
    pair.title,
    pair.backbone,
    percent(against?.baseline.top1),
    percent(auto.top1),
    against === undefined ? '-' : `${signed(against.difference)}${inBrackets(against.overFolds)}`,
    between(against?.overImages),
    against?.target ?? '',
    verdictOf(against),
    percent(against?.baseline.meanPerClass),
    percent(auto.meanPerClass),
    [...champions].map(([name, count]) => (champions.size > 1 ? `${name} (${count})` : name)).join(', '),
  ]);
  return table(head, body);
}

function verdict(rows: readonly Row[]): string {
  const compared = rows.flatMap(({ summary: { against } }) => against ?? []);
  const met = compared.filter((against) => against.met).length;
  return (
    `The difference is \`auto\` less scikit-learn, paired: over the folds by Student's t, over the images by the normal distribution. The target is a mean of at least -0.5 points,\n` +
    `and above 0 where \`slda\` or \`rls\` alone beat scikit-learn: met by ${met} of ${compared.length}.`
  );
}

function increaseTable(increases: readonly ErrorIncrease[]): string {
  const head = ['set', 'backbone', '`auto`', 'scikit-learn'];
  const body = increases.map(({ title, backbone, dense, auto, baseline }) => [
    title,
    `${backbone} over ${dense}`,
    growth(auto),
    growth(baseline),
  ]);
  const baselines = increases.flatMap(({ baseline }) => baseline ?? []);
  const all = [
    'mean',
    '',
    growth(mean(increases.map(({ auto }) => auto))),
    growth(baselines.length < increases.length ? undefined : mean(baselines)),
  ];
  return `Relative error increase over the dense backbone (Iofinova et al. 2022, section 3.1):\n\n${table(head, [...body, all])}`;
}

function splitTable(splits: readonly SplitResult[]): string {
  const head = [
    'split by file',
    'backbone',
    '`auto`, top-1 %, by shuffle',
    'scikit-learn',
    'offline (../shared)',
    'orientation (issue 4)',
  ];
  const body = splits.map(({ title, backbone, shuffles, baseline, offline, orientation }) => [
    title,
    backbone,
    `${percent(mean(shuffles))} (${percent(Math.min(...shuffles))} to ${percent(Math.max(...shuffles))}, ${shuffles.length})`,
    percent(baseline),
    percent(offline),
    percent(orientation),
  ]);
  return (
    'For orientation, the split by file that earlier figures are of (the last two columns; of embeddings that were made elsewhere). One split is one sample of\n' +
    `splits, so this says less than the folds:\n\n${table(head, body)}`
  );
}

function learnersTable(rows: readonly Row[], { learners }: LearnBenchResult): string {
  const candidates = [...learners, 'blend'] as const;
  const head = [
    'set',
    'backbone',
    ...candidates.map((name) => `\`${name}\``),
    'calibration error',
    `shares in the blend: ${learners.join(', ')}`,
  ];
  const body = rows.map(({ pair, summary: { candidates: top1, calibrationError, blend } }) => [
    pair.title,
    pair.backbone,
    ...candidates.map((name) => percent(top1[name])),
    calibrationError.toFixed(3),
    learners.map((name) => (blend[name] ?? 0).toFixed(2)).join(', '),
  ]);
  const alarms = rows.reduce((sum, { summary }) => sum + summary.driftAlarms, 0);
  const passes = rows.reduce((sum, { pair }) => sum + pair.folds.length, 0);
  return (
    `Top-1 % on the test parts of what each candidate would serve at the end of the pass; the champion's expected calibration error over its last 1000\n` +
    `predictions; the blend's shares at the end. Means over the folds. False alarms of drift: ${alarms} in ${passes} passes.\n\n${table(head, body)}`
  );
}

function verdictOf(against: Comparison | undefined): string {
  return against === undefined ? '' : against.met ? 'met' : 'not met';
}

function percent(fraction: number | undefined): string {
  return fraction === undefined ? '-' : (100 * fraction).toFixed(1);
}

function growth(fraction: number | undefined): string {
  return fraction === undefined ? '-' : `${signed(100 * fraction, 1)} %`;
}

function inBrackets(interval: Interval | undefined): string {
  return interval === undefined ? '' : ` (${between(interval)})`;
}

function between(interval: Interval | undefined): string {
  return interval === undefined ? '-' : `${signed(interval.low)} to ${signed(interval.high)}`;
}

function signed(value: number, digits = 2): string {
  const text = value.toFixed(digits);
  return value > 0 && Number(text) !== 0 ? `+${text}` : text;
}
