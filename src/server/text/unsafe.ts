// Class names, ids, file names and errors come from strangers. Which of their characters are no visible text: what could move a cursor,
// forge a line, turn text around, or hide in a name that looks like another one.

/** Scripts that are written with joiners inside words (Unicode Standard Annex 31, 2.3). */
const JOINING = [
  ...['Arabic', 'Syriac', 'Mongolian', 'Nko', 'Devanagari', 'Bengali', 'Gurmukhi', 'Gujarati', 'Oriya', 'Tamil'],
  ...['Telugu', 'Kannada', 'Malayalam', 'Sinhala', 'Khmer', 'Myanmar', 'Tibetan'],
]
  .map((script) => `\\p{Script=${script}}`)
  .join('');

/** Marks that one letter may carry; more climb over the lines around it. */
const MOST_MARKS = 6;

/**
 * Controls, format characters (bidi among them), separators, lone surrogates, private and unassigned code points, and letters and marks
 * that nobody sees.
 */
const INVISIBLE = '\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}\\p{Cs}\\p{Co}\\p{Cn}\\p{Default_Ignorable_Code_Point}';

/** The joiner is part of a word, or of an emoji (a family, a profession), as the variation selector behind one. */
const TEXT = [
  `(?<=[${JOINING}])[\\u200c\\u200d](?=[${JOINING}])`,
  '(?<=[\\p{Extended_Pictographic}\\p{Emoji_Modifier}\\ufe0f])\\u200d(?=\\p{Extended_Pictographic})',
  '(?<=[\\p{Extended_Pictographic}#*0-9])\\ufe0f',
].join('|');

const UNSAFE = new RegExp(`(${TEXT})|[${INVISIBLE}]|(?<=\\p{M}{${MOST_MARKS}})\\p{M}`, 'gu');

/** Replaces each character that is no visible text. @param show what stands for a code point */
export function replaceUnsafe(text: string, show: (codePoint: number) => string): string {
  return text.replace(UNSAFE, (character, isText: string | undefined) =>
    isText === undefined ? show(character.codePointAt(0) ?? 0) : character,
  );
}

/** The first `limit` characters, the last of them `…` when there are more. Quick however long the text is. */
export function shorten(text: string, limit: number): string {
  if (text.length <= limit) return text;
  // A character has two code units at most: what is behind them need not be looked at.
  const characters = [...text.slice(0, 2 * limit + 2)];
  return characters.length > limit ? `${characters.slice(0, Math.max(0, limit - 1)).join('')}…` : text;
}
