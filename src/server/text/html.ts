import { replaceUnsafe, shorten } from './unsafe.js';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};

/**
 * Makes a stranger's text safe as the content of an HTML element and as an attribute's value between quotes; nowhere else (no URL, script or
 * style). What is no visible text is shown as `\u{…}`, as on a terminal, so that no name turns the page's text around or looks like another.
 *
 * @param limit Characters kept; more are replaced by `…`.
 */
export function escapeHtml(text: string, limit = Number.POSITIVE_INFINITY): string {
  const kept = limit === Number.POSITIVE_INFINITY ? text : shorten(text, limit);
  const visible = replaceUnsafe(kept, (codePoint) => `\\u{${codePoint.toString(16)}}`);
  return visible.replace(/[&<>"'`]/g, (character) => ENTITIES[character] ?? '');
}
