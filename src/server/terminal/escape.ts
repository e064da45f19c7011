// Class and file names come from strangers: what could move the cursor, forge a line or turn text around is shown as \u{…}.

/** Everything that is no visible text: controls, format characters (bidi among them), separators, lone surrogates. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}]/gu;

/** Joiners that scripts and emoji need. */
const HARMLESS = new Set(['\u200c', '\u200d']);

/**
 * Makes text safe to print on a terminal, on one line.
 *
 * @param limit Characters kept; more are replaced by `…`.
 */
export function escapeForTerminal(text: string, limit = Number.POSITIVE_INFINITY): string {
  const characters = [...text];
  const kept = characters.length > limit ? `${characters.slice(0, Math.max(0, limit - 1)).join('')}…` : text;
  return kept.replace(UNSAFE, (character) => {
    if (HARMLESS.has(character)) return character;
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
}
