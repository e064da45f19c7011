import type { Head__Output } from '../../../../../protos/index.js';
import { percent } from '../../../terminal/numbers.js';

type Windows = Head__Output['servedAccuracy'];

/** Characters of a class name that are shown. */
export const NAME_WIDTH = 40;

/** Of the widest window that holds samples; null when none does. */
export function accuracyOf(windows: Windows): number | null {
  const filled = windows.filter(({ count }) => count > 0).sort((left, right) => right.window - left.window);
  return filled[0]?.accuracy ?? null;
}

/** `85.1 % of the last 100, 83.0 % of the last 640`. */
export function accuracyText(windows: Windows): string {
  const filled = windows.filter(({ count }) => count > 0);
  if (filled.length === 0) return '-';
  return filled.map(({ count, accuracy }) => `${percent(accuracy)} of the last ${count}`).join(', ');
}

export function servedVersion(head: Head__Output): string {
  return `${head.servingVersion}${head.pinned ? ' (pinned)' : ''}`;
}

/** Whose weights the version being served has; empty when nothing is known of it. */
export function servedBy(head: Head__Output): string {
  return head.versions.find(({ version }) => version === head.servingVersion)?.champion ?? '';
}
