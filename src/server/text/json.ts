import { replaceUnsafe } from './unsafe.js';

/**
 * JSON on one line that is safe to print: what is no visible text stands in it as JSON's own escapes, so that whoever parses it gets the very
 * same value. (JSON.stringify alone leaves bidi controls, separators and C1 controls, of which terminals make escape sequences.)
 */
export function printableJson(value: unknown): string {
  return escapeJson(JSON.stringify(value));
}

/** As printableJson, of a text that is JSON already: outside strings JSON has no such characters but line ends, which become spaces. */
export function escapeJson(json: string): string {
  return replaceUnsafe(json, (codePoint) => {
    if (codePoint === 0x0a || codePoint === 0x0d || codePoint === 0x09) return ' ';
    const units = String.fromCodePoint(codePoint);
    return [...Array(units.length).keys()]
      .map((index) => `\\u${units.charCodeAt(index).toString(16).padStart(4, '0')}`)
      .join('');
  });
}
