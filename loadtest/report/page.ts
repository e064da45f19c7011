// The report as one HTML page that needs nothing else: no other host, no script.
import { capacityRatios } from '../checks/capacity.js';
import { format } from '../checks/verdict.js';
import { LatencyHistogram } from '../generator/histogram.js';
import type { CapacityResult } from '../run/capacity-run.js';
import type { LoadResult, PhaseResult, Verdict } from '../scenarios/scenario.js';
import { chartSvg } from './chart.js';
import { chartsOf } from './charts.js';
import { escaped } from './escape.js';
import type { Entry, Report } from './report.js';

const STYLE = `
:root { color-scheme: light dark; --page: #ffffff; --text: #1f2328; --dim: #57606a; --rule: #d8dee4; --good: #1a7f37; --bad: #cf222e;
  --c0: #0969da; --c1: #bc4c00; --c2: #8250df; --c3: #1a7f37; --c4: #bf3989; --c5: #6e7781 }
@media (prefers-color-scheme: dark) { :root { --page: #0d1117; --text: #e6edf3; --dim: #9198a1; --rule: #2a313c; --good: #3fb950; --bad: #f85149;
  --c0: #58a6ff; --c1: #f0883e; --c2: #bc8cff; --c3: #3fb950; --c4: #f778ba; --c5: #8b949e } }
body { background: var(--page); color: var(--text); font: 15px/1.5 system-ui, sans-serif; max-width: 1320px; margin: 2em auto; padding: 0 1em }
table { border-collapse: collapse; margin: .6em 0 } td, th { border-bottom: 1px solid var(--rule); padding: .25em .8em; text-align: left }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums } .dim { color: var(--dim) } .kept { color: var(--good) } .broken { color: var(--bad); font-weight: 600 }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(460px, 1fr)); gap: .6em } figure { margin: 0 } svg { width: 100% }
svg text { fill: var(--dim); font-size: 11px } svg .title { fill: var(--text); font-size: 13px; font-weight: 600 } svg .small { font-size: 9px }
.grid { stroke: var(--rule) } .mark { stroke: var(--dim); stroke-dasharray: 3 3 } .line { fill: none; stroke-width: 1.6; stroke-linejoin: round; stroke-linecap: round }
${Array.from({ length: 6 }, (_, index) => `.c${index} { stroke: var(--c${index}) }`).join(' ')}
`;

export function reportPage(report: Report): string {
  const { command, machine, entries } = report;
  const { date, cpu, cores, memoryGiB, system, node, commit, loadBefore } = machine;
  const about = `${date}, commit ${commit}. ${cpu}, ${cores} cores, ${memoryGiB} GiB, ${system}, Node.js ${node}; load of the machine before the run ${format(loadBefore)}.`;
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`,
    `<title>Load test: ${escaped(entries.map(({ scenario }) => scenario).join(', '))}</title><style>${STYLE}</style></head><body>`,
    '<h1>Headwater under load</h1>',
    `<p>${escaped(about)}<br><code>${escaped(command)}</code></p>`,
    ...entries.map(entrySection),
    '</body></html>',
    '',
  ].join('\n');
}

function entrySection(entry: Entry): string {
  const { scenario, about, setting, verdicts, load, capacity } = entry;
  const { model, engine, batch, threads, input, photos, pinning, seed, scale } = setting;
  const settings = `${model}, engine ${engine}, batch ${batch}, ${threads} thread(s), input ${input} (${photos}), ${pinning}, seed ${seed}${scale === 1 ? '' : `, durations x ${scale}: a trial`}`;
  return [
    `<section><h2>${escaped(scenario)}</h2><p>${escaped(about)}<br><span class="dim">${escaped(settings)}</span></p>`,
    verdictTable(verdicts),
    ...(capacity === undefined ? [] : [capacityTable(capacity)]),
    ...(load === undefined ? [] : loadPart(load)),
    '</section>',
  ].join('\n');
}

function verdictTable(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ promise, kept, measured }) => [
    escaped(promise),
    escaped(measured),
    kept ? '<span class="kept">kept</span>' : '<span class="broken">broken</span>',
  ]);
  return table(['promise', 'measured', ''], rows, 0);
}

function capacityTable(result: CapacityResult): string {
  const titles = {
    'headwater-pixels': 'service, pixels',
    'bare-pixels': 'engine alone',
    'baseline-pixels': 'baseline, pixels',
    'single-pixels': 'baseline with as many threads, pixels',
    'headwater-image': 'service, JPEG',
    'bare-image': 'decoding and engine alone',
    'baseline-image': 'baseline, JPEG',
  } as const;
  const keys = Object.keys(titles) as (keyof typeof titles)[];
  const rounds = result.rounds.map((round, index) => [String(index + 1), ...keys.map((key) => format(round[key]))]);
  const ratios = capacityRatios(result).map(({ name, ratio: { median, min, max }, target }) => [
    escaped(name),
    ...[median, min, max].map(format),
    target === undefined ? '' : String(target),
  ]);
  return [
    '<h3>Images a second</h3>',
    table(['round', ...Object.values(titles)], rounds, keys.length + 1),
    '<h3>Ratios, round by round</h3>',
    table(['', 'median', 'smallest', 'largest', 'target'], ratios, 4),
  ].join('\n');
}

function loadPart(load: LoadResult): string[] {
  const targets = [...new Set(load.phases.map(({ target }) => target))];
  const capacities = Object.entries(load.capacities).map(([name, value]) => `${name} ${format(value)}`);
  const { Headwater: own = Number.NaN, baseline } = load.capacities;
  if (baseline !== undefined) capacities.push(`${format(own / baseline)} times the baseline’s`);
  return [
    `<p>Capacity (closed loop), images a second: ${escaped(capacities.join(', ') || `given, ${format(load.given.capacity)}`)}. Rates follow from ${format(load.given.capacity)}.</p>`,
    phaseTable(load.phases),
    ...targets.flatMap((target) => [
      ...(targets.length > 1 ? [`<h3>${escaped(target)}</h3>`] : []),
      `<div class="charts">${chartsOf(load, target).map(chartSvg).join('\n')}</div>`,
    ]),
  ];
}

function phaseTable(phases: readonly PhaseResult[]): string {
  const head = [
    'phase',
    'server',
    'traffic',
    'offered',
    'answered',
    'refused',
    'expired',
    'failed',
    'p50 ms',
    'p90',
    'p99',
    'max',
    'refused p99',
    'sent late p99',
    'overhead p50',
    'batch',
  ];
  const rows = phases.flatMap((phase) =>
    phase.counts.map((count) => {
      const { ok, refused, expired, failed } = count.outcomes;
      const latency = LatencyHistogram.decode(count.latency);
      const p99 = (text: string) => LatencyHistogram.decode(text).quantile(0.99);
      const times = [
        latency.quantile(0.5),
        latency.quantile(0.9),
        latency.quantile(0.99),
        latency.max,
        p99(count.refusal),
        p99(count.lateness),
      ];
      return [
        ...[phase.name, phase.target, count.name].map(escaped),
        ...[count.offered, ok, refused, expired, failed].map(String),
        ...[...times, phase.server?.overheadMedian ?? Number.NaN, phase.server?.meanBatch ?? Number.NaN].map((value) =>
          Number.isFinite(value) ? format(value) : '',
        ),
      ];
    }),
  );
  return table(head, rows, head.length - 3);
}

/** @param numbers so many columns at the end are numbers. Cells are HTML */
function table(head: readonly string[], rows: readonly (readonly string[])[], numbers: number): string {
  const isNumber = (index: number) => index >= head.length - numbers;
  const cells = (tag: 'td' | 'th', values: readonly string[]) =>
    values.map((value, index) => `<${tag}${isNumber(index) ? ' class="number"' : ''}>${value}</${tag}>`).join('');
  return `<table><tr>${cells('th', head)}</tr>${rows.map((row) => `<tr>${cells('td', row)}</tr>`).join('\n')}</table>`;
}
