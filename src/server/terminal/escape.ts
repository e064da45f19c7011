import { replaceUnsafe, shorten } from '../text/unsafe.js';

/**
 * Makes text safe to print on a terminal, on one line: what is no visible text is shown as `\u{…}`. Text that is safe stays as it is.
 *
 * @param limit Characters kept; more are replaced by `…`.
 */
export function escapeForTerminal(text: string, limit = Number.POSITIVE_INFINITY): string {
  const kept = limit === Number.POSITIVE_INFINITY ? text : shorten(text, limit);
  return replaceUnsafe(kept, (codePoint) => `\\u{${codePoint.toString(16)}}`);
}
