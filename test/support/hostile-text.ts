import assert from 'node:assert/strict';

/** Texts that strangers may give as a class, an id, a file or an error, by what they are after. */
export const hostileTexts: Readonly<Record<string, string>> = {
  'a script': '<script>alert(1)</script>',
  'an attribute that ends': '"><img src=x onerror=alert(1)>',
  'an attribute without quotes': "' onmouseover='alert(1)",
  'a template literal': '`\u0024{alert(1)}`',
  'an entity': '&lt;script&gt;&#x3c;',
  'a closing comment': '--><!--]]>',
  'a colour': '\u001b[31mred\u001b[0m',
  'a cleared screen': '\u001b[2J\u001b[H',
  'a window title': '\u001b]0;owned\u0007',
  'a link': '\u001b]8;;http://evil.example\u0007click\u001b]8;;\u0007',
  'a clipboard': '\u001b]52;c;ZXZpbA==\u0007',
  'a device string': '\u001bP$q"p\u001b\\',
  'a C1 sequence': '\u009b31m\u009d0;owned\u009c',
  'a forged line': 'cat\r\n{"level":30,"msg":"all is well"}\nheadwater_head_samples_total{head="x"} 1',
  'a lone carriage return': 'harmless\rreal',
  'a tab and a backspace': 'a\tb\b\bc',
  'a vertical tab and a form feed': 'a\u000bb\u000cc',
  'a NUL': 'cat\u0000dog',
  'a DEL': 'cat\u007fdog',
  'a bidi override': 'invoice\u202egpj.exe',
  'bidi isolates': '\u2066a\u2067b\u2068c\u2069',
  'bidi marks': '\u200ea\u200f\u061cb',
  'a line separator': 'a\u2028b\u2029c\u0085d',
  'a name with nothing in it': '\u200b\u2060\ufeff\u00ad',
  'a joiner inside a word': 'ca\u200dt do\u200cg',
  'a filler': 'a\u3164b\u115fc\uffa0d\u034fe',
  'variation selectors': 'a\ufe0fb\u{e0100}c',
  tags: '\u{e0063}\u{e0061}\u{e0074}',
  'a lone surrogate': 'a\ud800b',
  'a surrogate the wrong way round': '\udc00\ud83d',
  'private use': '\ue000\u{f0000}',
  'no character at all': '\uffff\ufdd0',
  'marks upon marks': `a${'\u0301'.repeat(200)}`,
  'quotes and backslashes': '\\"\\\\"},"msg":"x',
  'a label value that ends': 'x"} 1\nevil{a="',
  'a prototype': '__proto__',
  'a format': '%s%n%x %j %o',
};

/** Longer than any line should be. */
export const longText = 'long'.repeat(2_500_000);

/** Code points that no output for people or programs holds as they are; the table of an auditor, not that of the code that is tested. */
const FORBIDDEN: readonly (readonly [number, number])[] = [
  [0x00, 0x1f],
  [0x7f, 0x9f],
  [0xad, 0xad],
  [0x34f, 0x34f],
  [0x61c, 0x61c],
  [0x115f, 0x1160],
  [0x180b, 0x180f],
  [0x200b, 0x200b],
  [0x200e, 0x200f],
  [0x2028, 0x202e],
  [0x2060, 0x206f],
  [0x3164, 0x3164],
  [0xd800, 0xf8ff],
  [0xfdd0, 0xfdef],
  [0xfeff, 0xfeff],
  [0xffa0, 0xffa0],
  [0xfff0, 0xfffb],
  [0xfffe, 0xffff],
  [0xe0000, 0x10ffff],
];

/** Fails when a text holds what a terminal would obey or nobody would see. @param allowed characters that we put there ourselves */
export function assertPrintable(text: string, what: string, allowed = '\n'): void {
  for (const character of text) {
    if (allowed.includes(character)) continue;
    const codePoint = character.codePointAt(0) ?? 0;
    const forbidden = FORBIDDEN.some(([first, last]) => codePoint >= first && codePoint <= last);
    assert.ok(!forbidden, `${what}: U+${codePoint.toString(16)} in ${JSON.stringify(text.slice(0, 200))}`);
  }
}
