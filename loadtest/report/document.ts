// The tables of docs/loadtest.md, between markers: `--write` replaces them, one scenario at a time.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { capacityRatios } from '../checks/capacity.js';
import { quantile } from '../checks/ideal-queue.js';
import { format } from '../checks/verdict.js';
import { LatencyHistogram } from '../generator/histogram.js';
import { mergeCounts } from '../generator/merge.js';
import { packageFolder } from '../models.js';
import type { CapacityResult, CapacityRound } from '../run/capacity-run.js';
import type { LoadResult, PhaseResult } from '../scenarios/scenario.js';
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

function entryText({ setting, verdicts, load, capacity }: Entry): string[] {
  const { model, engine, batch, threads, input, photos, pinning } = setting;
  const capacities = Object.entries(load?.capacities ?? {}).map(
    ([name, value]) => `${name} ${value.toFixed(1)} images a second`,
  );
  const settings = [
    model,
    engine,
    `batch ${batch}`,
    `${threads} thread(s)`,
    `${input} (${photos})`,
    pinning,
    ...capacities,
  ];
  return [
    '',
    `${settings.join(', ')}:`,
    '',
    ...tableLines(
      ['promise', 'measured', ''],
      verdicts.map(({ promise, measured, kept }) => [promise, measured, kept ? 'kept' : 'broken']),
    ),
    ...(capacity === undefined ? [] : ['', ...capacityLines(capacity)]),
    ...(load === undefined ? [] : ['', ...phaseLines(load)]),
  ];
}

/** Of the rounds: the median, the smallest and the largest. */
function capacityLines(result: CapacityResult): string[] {
  const spread = (values: readonly number[]) => {
    const sorted = [...values].sort((left, right) => left - right);
    return `${format(quantile(sorted, 0.5))} (${format(sorted[0] ?? Number.NaN)} to ${format(sorted.at(-1) ?? Number.NaN)})`;
  };
  const keys = Object.keys(result.rounds[0] ?? {}) as (keyof CapacityRound)[];
  const rates = keys.map((key) => [key.replace('-', ', '), spread(result.rounds.map((round) => round[key]))]);
  const others = capacityRatios(result).filter(({ target }) => target === undefined);
  return [
    ...tableLines(['images a second', `${result.rounds.length} rounds`], rates),
    '',
    ...others.map(({ name, ratio }) => `Nothing is promised of: ${name}: ${spread(ratio.ratios)}.`),
  ];
}

/** Over all rounds of a phase. */
function phaseLines({ phases }: LoadResult): string[] {
  const named = new Map<string, PhaseResult[]>();
  for (const phase of phases) {
    const name = `${phase.name}, ${phase.target}`;
    named.set(name, [...(named.get(name) ?? []), phase]);
  }
  const rows = [...named].flatMap(([name, all]) =>
    (all[0]?.counts ?? []).map((_, index) => {
      const count = mergeCounts(all.flatMap(({ counts }) => counts[index] ?? []));
      const { ok, refused, expired } = count.outcomes;
      const latency = LatencyHistogram.decode(count.latency);
      const times = [0.5, 0.9, 0.99].map((p) => format(latency.quantile(p)));
      return [name, count.name, ...[count.offered, ok, refused, expired].map(String), ...times];
    }),
  );
  return tableLines(['phase', 'traffic', 'sent', 'answered', 'refused', 'expired', 'p50 ms', 'p90 ms', 'p99 ms'], rows);
}

function tableLines(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)];
}

/** Messages of servers may stand in it. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll(/\s+/g, ' ');
}
