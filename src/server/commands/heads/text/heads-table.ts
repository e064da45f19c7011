import type { Head__Output } from '../../../../../protos/index.js';
import { escapeForTerminal } from '../../../terminal/escape.js';
import { percent } from '../../../terminal/numbers.js';
import { formatTable } from '../../../terminal/table.js';
import { accuracyOf, servedBy, servedVersion } from './parts.js';

/** All heads, one a line. */
export function headsTable(heads: readonly Head__Output[]): string[] {
  if (heads.length === 0) return ['no heads; create one with `headwater heads create NAME --backbone BACKBONE`'];
  const rows = heads.map((head) => [
    head.name,
    head.backbone,
    String(head.classes.length),
    servedVersion(head),
    servedBy(head) || '-',
    String(head.samples),
    percent(accuracyOf(head.servedAccuracy)),
    head.drift?.level ?? '-',
    escapeForTerminal(head.state),
  ]);
  const header = ['HEAD', 'BACKBONE', 'CLASSES', 'VERSION', 'BY', 'SAMPLES', 'SERVED ACC.', 'DRIFT', 'STATE'];
  return formatTable(header, rows, ['left', 'left', 'right', 'right', 'left', 'right', 'right']);
}
