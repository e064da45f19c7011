// The Markdown pages and what stands in them.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ROOT } from './repository.js';

export interface CodeBlock {
  readonly page: string;
  readonly line: number;
  readonly language: string;
  readonly text: string;
  /** Of the comment `<!-- not run: ... -->` above it. */
  readonly notRun: string | undefined;
}

/** Paths of all pages that people read, relative to the root. */
export function pages(): string[] {
  const tops = readdirSync(ROOT).filter((name) => name.endsWith('.md'));
  return [...tops, ...['docs', 'deploy', 'models'].flatMap((folder) => pagesBelow(join(ROOT, folder)))];
}

function pagesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return pagesBelow(path);
    return entry.name.endsWith('.md') ? [relative(ROOT, path)] : [];
  });
}

export function readPage(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8');
}

/** The fenced blocks of a page, in order. */
export function codeBlocks(page: string): CodeBlock[] {
  const lines = readPage(page).split('\n');
  const blocks: CodeBlock[] = [];
  for (let at = 0; at < lines.length; at++) {
    const fence = /^(\s*)```(\S*)/.exec(lines[at] as string);
    if (fence === null) continue;
    const begin = at + 1;
    do at++;
    while (at < lines.length && !/^\s*```\s*$/.test(lines[at] as string));
    const notRun = /^\s*<!-- not run: (.*) -->$/.exec(lines[begin - 2] ?? '')?.[1];
    const text = lines.slice(begin, at).join('\n');
    blocks.push({ page, line: begin, language: fence[2] as string, text, notRun });
  }
  return blocks;
}

/** Commands of a shell block: comments and what continues a line put right. */
export function shellLines({ text }: CodeBlock): string[] {
  const joined = text.replaceAll(/\\\n\s*/g, ' ').split('\n');
  return joined.map((line) => line.replace(/(^|\s)#\s.*$/, '').trim()).filter((line) => line !== '');
}

/** Words of a simple shell command: quotes group, and end at redirections and pipes. */
export function shellWords(command: string): string[] {
  const words = command.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  const end = words.findIndex((word) => /^(?:[|&;<>]|\d?>)/.test(word));
  return (end < 0 ? words : words.slice(0, end)).map((word) => word.replaceAll(/["']/g, ''));
}

/** Arguments of `headwater` in a command, however it is called; undefined when it is another command. */
export function headwaterArguments(command: string): string[] | undefined {
  const words = shellWords(command.replace(/^(?:[A-Z_]+=\S+\s+)+/, ''));
  const [first, second, third] = words;
  if (first === 'headwater') return words.slice(1);
  if (first === 'npx' && second === 'headwater') return words.slice(2);
  if (first === 'node' && second === 'bin/headwater.js') return words.slice(2);
  if (first === 'npm' && (second === 'start' || (second === 'run' && third === 'start'))) {
    return ['serve', ...words.slice(words.indexOf('--') + 1)];
  }
  if (first === 'npm' && second === 'run' && third === 'demo') {
    return ['demo', ...(words.includes('--') ? words.slice(words.indexOf('--') + 1) : [])];
  }
  return undefined;
}
