import type { FoldResult, HeadsResult, PacedResult, RateResult, SwapResult } from '../fold/results.js';
import type { Spread } from '../measure/statistics.js';
import type { Section } from './engine-tables.js';
import { machineLines } from './engine-tables.js';
import { atLeast, atMost, digits, milliseconds, table } from './markdown.js';

const HEADS_MEMORY = 4 * 2 ** 30;
/** A stream is kept up with if so few milliseconds after its last sample all are folded, and it had the rate asked for. */
const BEHIND_MS = 2_000;
const RATE_KEPT = 0.98;
const SWAP_DELAY_MS = 5;

/** All that bench:fold measured: one section of docs/learning.md. */
export function foldSection({ machine, command, rates, paced, heads, swaps }: FoldResult): Section {
  const parts = [machineLines(machine, command)];
  if (rates.length > 0) parts.push(`### One head\n${rateTable(rates)}`);
  if (paced.length > 0) parts.push(`### Waiting for refits\n${pacedTable(paced)}`);
  if (heads !== undefined) parts.push(`### Many heads\n${headsTable(heads)}`);
  if (swaps.length > 0) parts.push(`### Versions that change under requests\n${swapTable(swaps)}`);
  return { name: 'fold', markdown: parts.join('\n\n') };
}

function rateTable(rates: readonly RateResult[]): string {
  const head = [
    'learners',
    'embeddings',
    'classes x dimensions',
    'process on',
    'samples a second',
    'target',
    '',
    'a CPU second of the process',
    'waiting for refits',
    'samples x rounds',
  ];
  const rows = rates.map((rate) => [
    rate.learners,
    rate.source,
    `${rate.classes} x ${rate.dimensions}`,
    rate.cores,
    counts(rate.perSecond),
    rate.target === undefined ? '' : `>= ${rate.target}`,
    atLeast(rate.perSecond.median, rate.target),
    counts(rate.perCpuSecond),
    percent(rate.waiting.median),
    `${rate.samples} x ${rate.rounds}`,
  ]);
  return (
    `${table(head, rows)}\n\nThe log is there before: it is read and folded as fast as it goes, with versions and states stored on the way. nats-server is a ` +
    'process of its own, which is not counted and not bound to the core.'
  );
}

function pacedTable(paced: readonly PacedResult[]): string {
  const head = [
    'embeddings',
    'samples a second',
    'samples',
    'waits',
    'share of the time',
    'target',
    '',
    'folded after',
  ];
  const rows = paced.map((result) => [
    result.source,
    result.perSecond.toFixed(0),
    String(result.samples),
    `${result.waits} (${digits(result.waitedSeconds)} s)`,
    percent(result.waiting),
    `< ${percent(result.target)}`,
    atMost(result.waiting, result.target),
    `${result.behindMs.toFixed(0)} ms`,
  ]);
  return `${table(head, rows)}\n\n\`train: auto\` from the first sample on; \`folded after\` is the last sample's time from the log to the fold.`;
}

function headsTable(result: HeadsResult): string {
  const { heads, classes, dimensions, memoryBytes, seconds, wanted, perSecond, behindMs } = result;
  const kept = perSecond >= RATE_KEPT * wanted && behindMs <= BEHIND_MS;
  const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(2)} GiB`;
  const rows = [
    [
      'samples a second over all',
      `${perSecond.toFixed(0)} for ${seconds} s, the last folded after ${behindMs.toFixed(0)} ms`,
      String(wanted),
      kept ? 'met' : 'not met',
    ],
    ['peak memory of the process', gibibytes(result.peakBytes), '< 4 GiB', atMost(result.peakBytes, HEADS_MEMORY)],
    [
      "learners' states, by their own account",
      gibibytes(result.stateBytes),
      `<= ${gibibytes(memoryBytes)}`,
      atMost(result.stateBytes, memoryBytes),
    ],
    ['heads with all learners', `${result.fullHeads} of ${heads}`, '', ''],
    ['versions stored', String(result.versions), '', ''],
    ['samples a CPU second of the process', result.perCpuSecond.toFixed(0), '', ''],
    ['from the start until all are taught', `${result.startSeconds.toFixed(1)} s`, '', ''],
    ['until it has ended, all states stored', `${result.stopSeconds.toFixed(1)} s`, '', ''],
  ];
  return table([`${heads} heads of ${classes} classes, ${dimensions} dimensions, one process`, '', 'target', ''], rows);
}

function swapTable(swaps: readonly SwapResult[]): string {
  const head = [
    'weights',
    'versions a second',
    'requests (failed)',
    'at rest: p50, p99, max (ms)',
    'versions change',
    'around a change',
    'slowest of a round, added (ms)',
    'target',
    '',
    'event loop held up, at rest: p50, p99, max (ms)',
    'versions change',
  ];
  const rows = swaps.map((swap) => [
    swap.title,
    swap.swapsPerSecond.toFixed(1),
    `${swap.requests} (${swap.failed})`,
    delays(swap.quiet),
    delays(swap.swapping),
    delays(swap.near),
    milliseconds(swap.added),
    `<= ${SWAP_DELAY_MS}, none failed`,
    swap.failed === 0 ? atMost(swap.added.median, SWAP_DELAY_MS) : 'not met',
    delays(swap.loopQuiet),
    delays(swap.loopSwapping),
  ]);
  return (
    `${table(head, rows)}\n\nRequests with an embedding to \`headwater serve\`, evenly, over gRPC; in turn the head is at rest, and it learns in the same process, ` +
    "stores versions and swaps them in (the learners' states are not stored meanwhile)."
  );
}

function delays({ p50, p99, max }: { p50: number; p99: number; max: number }): string {
  return [p50, p99, max].map(digits).join(', ');
}

function counts(value: Spread): string {
  return `${value.median.toFixed(0)} (${value.min.toFixed(0)} to ${value.max.toFixed(0)})`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
