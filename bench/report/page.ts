import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageFolder } from '../shared-folder.js';
import type { Section } from './engine-tables.js';

/**
 * The page with what stands between `<!-- bench:NAME -->` and `<!-- /bench:NAME -->` replaced; all else stays.
 *
 * @throws Error when the page has not exactly one such pair
 */
export function replaceSection(page: string, { name, markdown }: Section): string {
  const [start, end] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
  const parts = page.split(start);
  const [inside, ...after] = (parts[1] ?? '').split(end);
  if (parts.length !== 2 || inside === undefined || after.length !== 1) {
    throw new Error(`the page needs ${start} and ${end} once each, in this order`);
  }
  return `${parts[0]}${start}\n${markdown}\n${end}${after[0]}`;
}

/** A page in docs/ that benchmarks write into. */
export type Page = 'performance.md' | 'learning.md' | 'scaling.md';

/** Writes the sections into a page of docs/. */
export function writeSections(sections: readonly Section[], page: Page = 'performance.md'): void {
  const file = join(packageFolder(), 'docs', page);
  writeFileSync(file, sections.reduce(replaceSection, readFileSync(file, 'utf8')));
}
