const WIDTH = 78;
const INDENT = 10;

/** A heading and its text in lines of at most 78 columns (longer words stay whole), the text indented by ten. */
export function wrapText(heading: string, text: string): string[] {
  const lines: string[] = [];
  let line = `${heading}:`.padEnd(INDENT - 1);
  for (const word of text.split(' ')) {
    if (line.length > INDENT && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = ' '.repeat(INDENT - 1);
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}
