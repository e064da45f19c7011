import type { Head__Output } from '../../../../../protos/index.js';
import { byteSize, percent } from '../../../terminal/numbers.js';
import { formatTable } from '../../../terminal/table.js';
import { accuracyOf } from './parts.js';

/** What competes for serving, the champion (marked *) first. */
export function candidateTable({ learners, champion }: Head__Output): string[] {
  if (learners.length === 0) return ['no candidates yet'];
  const rows = learners.map(({ name, samples, accuracy, logLoss, temperature, weight, bytes }) => [
    `${name}${name === champion ? ' *' : ''}`,
    percent(accuracyOf(accuracy)),
    samples > 0 ? logLoss.toFixed(3) : '-',
    temperature.toFixed(2),
    name === 'blend' ? '-' : weight.toFixed(2),
    String(samples),
    bytes > 0 ? byteSize(bytes) : '-',
  ]);
  const header = ['CANDIDATE', 'ACCURACY', 'LOG LOSS', 'TEMPERATURE', 'IN BLEND', 'SAMPLES', 'STATE'];
  return formatTable(header, rows, ['left', 'right', 'right', 'right', 'right', 'right', 'right']);
}
