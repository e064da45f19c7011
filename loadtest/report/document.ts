// The tables of docs/loadtest.md, between markers: `--write` replaces them, one scenario at a time.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageFolder } from '../models.js';
import type { Machine } from './machine.js';
import type { Entry, Report } from './report.js';

/**
 * The page with what stands between `<!-- loadtest:NAME -->` and `<!-- /loadtest:NAME -->` replaced; all else stays.
 *
 * @throws Error when the page has not exactly one such pair
 */
export function replaceSection(page: string, name: string, markdown: string): string {
  const [start, end] = [`<!-- loadtest:${name} -->`, `<!-- /loadtest:${name} -->`];
  const parts = page.split(start);
  const [inside, ...after] = (parts[1] ?? '').split(end);
  if (parts.length !== 2 || inside === undefined || after.length !== 1) {
    throw new Error(`docs/loadtest.md needs ${start} and ${end} once each, in this order`);
  }
  return `${parts[0]}${start}\n${markdown}\n${end}${after[0]}`;
}

/** Writes each scenario's table. */
export function writeDocument(report: Report): void {
  const file = join(packageFolder(), 'docs/loadtest.md');
  const names = [...new Set(report.entries.map(({ scenario }) => scenario))];
  const written = names.reduce(
    (page, name) => {
      const entries = report.entries.filter(({ scenario }) => scenario === name);
      return replaceSection(page, name, sectionText(report, entries));
    },
    readFileSync(file, 'utf8'),
  );
  writeFileSync(file, written);
}

export function sectionText(
  { command, machine }: Pick<Report, 'command' | 'machine'>,
  entries: readonly Entry[],
): string {
  return [machineText(machine), `Command: \`${command}\`.`, ...entries.flatMap(entryText)].join('\n');
}

function machineText({ date, commit, cpu, cores, memoryGiB, system, node, loadBefore }: Machine): string {
  return `${date}, commit ${commit}: ${cpu}, ${cores} cores, ${memoryGiB} GiB, ${system}, Node.js ${node}; load before the run ${loadBefore.toFixed(1)}.`;
}

function entryText({ setting, verdicts, load }: Entry): string[] {
  const { model, engine, batch, threads, input, photos, pinning } = setting;
  const capacities = Object.entries(load?.capacities ?? {}).map(
    ([name, value]) => `${name} ${value.toFixed(1)} images a second`,
  );
  return [
    '',
    `${model}, ${engine}, batch ${batch}, ${threads} thread(s), ${input} (${photos}), ${pinning}${capacities.length > 0 ? `; ${capacities.join(', ')}` : ''}:`,
    '',
    '| promise | measured |  |',
    '|---|---|---|',
    ...verdicts.map(
      ({ promise, measured, kept }) => `| ${cell(promise)} | ${cell(measured)} | ${kept ? 'kept' : 'broken'} |`,
    ),
  ];
}

/** Messages of servers may stand in it. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll(/\s+/g, ' ');
}
