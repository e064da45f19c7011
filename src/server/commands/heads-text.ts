import type { Head__Output } from '../../../protos/index.js';
import { escapeForTerminal } from '../terminal/escape.js';
import { dateTime, percent } from '../terminal/numbers.js';
import { formatTable } from '../terminal/table.js';

type Windows = Head__Output['servedAccuracy'];

/** Characters of a class name that are shown. */
const NAME_WIDTH = 40;

/** All heads, one a line. */
export function headsTable(heads: readonly Head__Output[]): string[] {
  if (heads.length === 0) return ['no heads; create one with `headwater heads create NAME --backbone BACKBONE`'];
  const rows = heads.map((head) => [
    head.name,
    head.backbone,
    String(head.classes.length),
    servedVersion(head),
    String(head.samples),
    percent(accuracyOf(head.servedAccuracy)),
    escapeForTerminal(head.state),
  ]);
  const header = ['HEAD', 'BACKBONE', 'CLASSES', 'VERSION', 'SAMPLES', 'SERVED ACC.', 'STATE'];
  return formatTable(header, rows, ['left', 'left', 'right', 'right', 'right', 'right', 'left']);
}

/** One head with its accuracy, versions and classes. */
export function headDetails(head: Head__Output): string[] {
  return [
    `${head.name}  (${escapeForTerminal(head.state)})`,
    `  backbone      ${head.backbone}, ${head.dimensions} dimensions, ${head.backboneIdentity.slice(0, 12)}`,
    `  classes       ${head.classes.length}${head.open ? `, open up to ${head.maxClasses}` : ', fixed'}`,
    `  serving       version ${servedVersion(head)} (newest: ${head.latestVersion})`,
    `  samples       ${head.samples} learned, ${head.labelsWaiting} labels waiting`,
    `  served        ${accuracyText(head.servedAccuracy)}; ${head.servedCorrect} of ${head.servedLabelled} right in all`,
    `  prequential   ${accuracyText(head.prequentialAccuracy)}`,
    `  labels        ${labelText(head.labelResults)}`,
    ...section('Versions', versionTable(head)),
    ...section('Classes (recall among the last 1000 samples)', classTable(head)),
  ];
}

function servedVersion(head: Head__Output): string {
  return `${head.servingVersion}${head.pinned ? ' (pinned)' : ''}`;
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)];
}

function versionTable(head: Head__Output): string[] {
  if (head.versions.length === 0) return [];
  const rows = head.versions.map(({ version, samples, logSequence, createdAtMs, digest }) => [
    `${version}${version === head.servingVersion ? ' *' : ''}`,
    String(samples),
    String(logSequence),
    dateTime(createdAtMs),
    digest.slice(0, 12),
  ]);
  return formatTable(['VERSION', 'SAMPLES', 'LOG', 'CREATED (UTC)', 'DIGEST'], rows, ['left', 'right', 'right']);
}

function classTable(head: Head__Output): string[] {
  if (head.classes.length === 0) return [];
  const rows = head.classes.map(({ name, samples, recent, recall }) => [
    escapeForTerminal(name, NAME_WIDTH),
    String(samples),
    String(recent),
    percent(recent > 0 ? recall : null),
  ]);
  return formatTable(['CLASS', 'SAMPLES', 'RECENT', 'RECALL'], rows, ['left', 'right', 'right', 'right']);
}

/** Of the widest window that holds samples; null when none does. */
function accuracyOf(windows: Windows): number | null {
  const filled = windows.filter(({ count }) => count > 0).sort((left, right) => right.window - left.window);
  return filled[0]?.accuracy ?? null;
}

function accuracyText(windows: Windows): string {
  const filled = windows.filter(({ count }) => count > 0);
  if (filled.length === 0) return '-';
  return filled.map(({ count, accuracy }) => `${percent(accuracy)} of the last ${count}`).join(', ');
}

function labelText(results: Readonly<Record<string, number>>): string {
  const entries = Object.entries(results).filter(([, count]) => count > 0);
  return entries.length === 0 ? '-' : entries.map(([result, count]) => `${result} ${count}`).join(', ');
}
