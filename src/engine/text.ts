const longestShown = 80;

/** A string from a model file as it may stand in a message: quoted, control characters escaped, cut when long. */
export function quote(text: string): string {
  return JSON.stringify(text.length > longestShown ? `${text.slice(0, longestShown)}...` : text);
}

/** `"a", "b" and 12 more`: never longer than `most` names. */
export function listNames(names: readonly string[], most = 10): string {
  if (names.length === 0) return '(none)';
  const shown = names.slice(0, most).map(quote).join(', ');
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}

const longestReason = 500;

/** The message of anything that was thrown: one line without control characters, cut when long. */
export function reasonOf(error: unknown): string {
  const text = (error instanceof Error ? error.message : String(error)).replace(/[\s\p{Cc}]+/gu, ' ').trim();
  return text.length > longestReason ? `${text.slice(0, longestReason)}...` : text;
}

/**
 * The candidates that a person may have meant by `name`: those that contain it or are contained in it, and those few edits away.
 * Very long names are left out, so that a hostile file costs no time.
 */
export function nearNames(name: string, candidates: readonly string[], most = 5): string[] {
  const wanted = name.toLowerCase();
  if (wanted.length === 0 || wanted.length > longestShown) return [];
  const scored: { candidate: string; score: number }[] = [];
  for (const candidate of new Set(candidates)) {
    const other = candidate.toLowerCase();
    if (other.length < 2 || other.length > longestShown) continue;
    const contained = other.includes(wanted) || wanted.includes(other);
    const distance = contained ? Math.abs(other.length - wanted.length) / longestShown : editDistance(wanted, other);
    if (contained || distance <= Math.max(1, wanted.length / 3)) scored.push({ candidate, score: distance });
  }
  scored.sort((a, b) => a.score - b.score);
  return scored.slice(0, most).map(({ candidate }) => candidate);
}

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(substituted, previous[j]! + 1, row[j - 1]! + 1));
    }
    previous = row;
  }
  return previous[b.length]!;
}
