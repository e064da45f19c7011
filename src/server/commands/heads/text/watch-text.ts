import type { Head__Output } from '../../../../../protos/index.js';
import { escapeForTerminal } from '../../../terminal/escape.js';
import { percent } from '../../../terminal/numbers.js';
import { candidateTable } from './candidates.js';
import { accuracyOf, accuracyText, servedBy, servedVersion } from './parts.js';

/** A look at a head in one line. */
export function watchLine(head: Head__Output): string {
  const state = head.state === 'ready' ? '' : `  (${escapeForTerminal(head.state)})`;
  return (
    `${head.name}  version ${servedVersion(head)} by ${servedBy(head) || '-'}  samples ${head.samples}  ` +
    `served ${percent(accuracyOf(head.servedAccuracy))}  prequential ${percent(accuracyOf(head.prequentialAccuracy))}  ` +
    `drift ${head.drift?.level ?? '-'}  waiting ${waiting(head)}${state}`
  );
}

/** A look at a head as a block of lines, to be drawn over the last one. */
export function watchBlock(head: Head__Output): string[] {
  const by = servedBy(head);
  return [
    `${head.name}  (${escapeForTerminal(head.state)})`,
    `  version ${servedVersion(head)}${by === '' ? '' : ` by ${by}`}, ${head.samples} samples learned, ${waiting(head)} waiting, ` +
      `${head.classes.length} classes`,
    `  served        ${accuracyText(head.servedAccuracy)}`,
    `  prequential   ${accuracyText(head.prequentialAccuracy)}`,
    `  drift         ${head.drift?.level ?? '-'}`,
    '',
    ...candidateTable(head).map((line) => `  ${line}`),
  ];
}

/** Samples that are not learned yet; whoever does not teach the head can't tell. */
function waiting({ lag }: Head__Output): string {
  return lag === undefined ? '-' : String(lag);
}
