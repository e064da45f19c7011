import type { Head__Output } from '../../../../../protos/index.js';
import { escapeForTerminal } from '../../../terminal/escape.js';
import { dateTime, percent } from '../../../terminal/numbers.js';
import { formatTable } from '../../../terminal/table.js';
import { candidateTable } from './candidates.js';
import { accuracyText, NAME_WIDTH, servedBy, servedVersion } from './parts.js';

/** One head with all that is known of it. */
export function headDetails(head: Head__Output): string[] {
  return [
    ...overview(head),
    ...section('Candidates (prequential, last 1000 samples)', head.learners.length === 0 ? [] : candidateTable(head)),
    ...section('Promotions', promotionTable(head)),
    ...section('Drift', driftTable(head)),
    ...section('Versions (* is served)', versionTable(head)),
    ...section('Classes (recall among the last 1000 samples)', classTable(head)),
    ...section('Taken for another class (last 1000 samples)', confusionTable(head)),
    ...section('Old names that labels may use', aliasTable(head)),
  ];
}

function overview(head: Head__Output): string[] {
  const by = servedBy(head);
  const skipped = head.skipped > 0 ? `, ${head.skipped} that can't be` : '';
  return [
    `${head.name}  (${escapeForTerminal(head.state)})`,
    `  backbone      ${head.backbone}, ${head.dimensions} dimensions, ${head.backboneIdentity.slice(0, 12)}`,
    `  classes       ${head.classes.length}${head.open ? `, open up to ${head.maxClasses}` : ', fixed'}`,
    `  serving       version ${servedVersion(head)}${by === '' ? '' : ` by ${by}`} (newest: ${head.latestVersion})`,
    `  chooses       ${head.serve === 'auto' || head.serve === '' ? 'the best by its scores' : `always ${head.serve}`}`,
    `  trains        ${head.train.length === 0 ? 'all learners, as memory allows' : head.train.join(', ')}; ${taught(head)}`,
    `  samples       ${head.samples} learned${skipped}, ${head.labelsWaiting} labels waiting`,
    `  served        ${accuracyText(head.servedAccuracy)}; ${head.servedCorrect} of ${head.servedLabelled} right in all`,
    `  prequential   ${accuracyText(head.prequentialAccuracy)}`,
    `  calibration   ${head.samples > 0 ? `off by ${percent(head.calibrationError)} on average` : '-'}`,
    `  drift         ${head.drift?.level ?? '-'}`,
    `  labels        ${labelText(head.labelResults)}`,
    ...(head.compactedTo > 0 ? [`  log           entries up to ${head.compactedTo} were removed`] : []),
  ];
}

function taught(head: Head__Output): string {
  if (head.taughtBy === 'nobody') return 'no process teaches it right now';
  if (head.taughtBy !== 'here') return 'taught by another process';
  const { count = 0, seconds = 0 } = head.waits ?? {};
  return `taught by this server${count > 0 ? `, ${seconds.toFixed(1)} s waited for refits` : ''}`;
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)];
}

/** A table, or nothing when it has no rows. */
function table(header: readonly string[], rows: readonly (readonly string[])[], alignments: string): string[] {
  if (rows.length === 0) return [];
  return formatTable(
    header,
    rows,
    [...alignments].map((letter) => (letter === 'r' ? 'right' : 'left')),
  );
}

function promotionTable({ promotions }: Head__Output): string[] {
  const rows = promotions.map(({ logSequence, samples, from, to, reason }) => [
    String(logSequence),
    String(samples),
    `${from} -> ${to}`,
    escapeForTerminal(reason),
  ]);
  return table(['LOG', 'SAMPLES', 'CHAMPION', 'REASON'], rows, 'rrll');
}

function driftTable({ drift }: Head__Output): string[] {
  const rows = (drift?.history ?? []).map(({ logSequence, samples, level, errorBefore, errorAfter }) => [
    String(logSequence),
    String(samples),
    level,
    `${percent(errorBefore)} -> ${percent(errorAfter)}`,
  ]);
  return table(['LOG', 'SAMPLES', 'LEVEL', 'ERROR'], rows, 'rrll');
}

function versionTable(head: Head__Output): string[] {
  const rows = head.versions.map((entry) => [
    `${entry.version}${entry.version === head.servingVersion ? ' *' : ''}`,
    String(entry.samples),
    String(entry.logSequence),
    dateTime(entry.createdAtMs),
    entry.champion || '-',
    percent(entry.accuracy),
    entry.hasState ? 'yes' : '-',
    entry.digest.slice(0, 12),
  ]);
  const header = ['VERSION', 'SAMPLES', 'LOG', 'CREATED (UTC)', 'BY', 'ACCURACY', 'STATE', 'DIGEST'];
  return table(header, rows, 'lrrllrll');
}

function classTable({ classes }: Head__Output): string[] {
  const rows = classes.map(({ name, samples, recent, recall }) => [
    escapeForTerminal(name, NAME_WIDTH),
    String(samples),
    String(recent),
    percent(recent > 0 ? recall : null),
  ]);
  return table(['CLASS', 'SAMPLES', 'RECENT', 'RECALL'], rows, 'lrrr');
}

function confusionTable({ confusions }: Head__Output): string[] {
  const rows = confusions.map(({ label, predicted, count }) => [
    escapeForTerminal(label, NAME_WIDTH),
    escapeForTerminal(predicted, NAME_WIDTH),
    String(count),
  ]);
  return table(['CLASS', 'TAKEN FOR', 'SAMPLES'], rows, 'llr');
}

function aliasTable({ aliases }: Head__Output): string[] {
  const rows = aliases.map(({ from, to }) => [escapeForTerminal(from, NAME_WIDTH), escapeForTerminal(to, NAME_WIDTH)]);
  return table(['OLD NAME', 'CLASS'], rows, 'll');
}

function labelText(results: Readonly<Record<string, number>>): string {
  const entries = Object.entries(results).filter(([, count]) => count > 0);
  return entries.length === 0 ? '-' : entries.map(([result, count]) => `${result} ${count}`).join(', ');
}
