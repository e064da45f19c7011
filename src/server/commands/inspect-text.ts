import type { GraphReport, LayerTime, ModelReport, ModelTimes, PlanReport, TimedReport } from '../../engine/index.js';
import { escapeForTerminal } from '../terminal/escape.js';
import { percent } from '../terminal/numbers.js';
import { formatTable } from '../terminal/table.js';

/** Characters of a layer's or tensor's name that are shown. */
const NAME_WIDTH = 36;
/** Problems that are listed one by one. */
const MOST_PROBLEMS = 20;

/** A model's report as lines for people. Names come from the file and are escaped. */
export function inspectLines(report: ModelReport | TimedReport): string[] {
  return [
    escapeForTerminal(report.model),
    `  input       ${name(report.input.name)} [${inputShape(report)}], operator set ${report.opset}`,
    `  embedding   ${name(report.embedding.tensor)}${report.graph ? `, ${report.graph.dimensions} values` : ''}`,
    `              (${escapeForTerminal(report.embedding.reason)})`,
    ...(report.graph === undefined
      ? [`  sparsity    ${percent(report.sparsity)} of the weights are zero`]
      : graphLines(report.graph)),
    ...(report.unsupported.length > 0 ? refusedLines(report) : []),
    ...planLines(report),
  ];
}

/** Symbols for lengths come from the file, too. */
function inputShape({ graph, input }: ModelReport): string {
  const shape = graph?.inputShape ?? input.shape ?? [];
  return shape.map((length) => name(String(length ?? '?'))).join(', ');
}

function refusedLines({ unsupported }: ModelReport): string[] {
  const rows = unsupported
    .slice(0, MOST_PROBLEMS)
    .map(({ node, operator, reason }) => [
      node === '' ? '-' : name(node),
      name(operator),
      escapeForTerminal(reason, 160),
    ]);
  const more = unsupported.length - rows.length;
  return [
    '',
    'The sparse engine has no plan for this model; ONNX Runtime may run it. What stands in the way:',
    ...formatTable(['NODE', 'OPERATOR', 'NOT SUPPORTED'], rows).map((line) => `  ${line}`),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ];
}

function graphLines(graph: GraphReport): string[] {
  const { totals, plan } = graph;
  return [
    '',
    ...layerTable(graph),
    '',
    'Totals for one image',
    `  weights        ${whole(totals.weights)}, of them zero ${whole(totals.zeros)} (${percent(totals.sparsity)})`,
    `  filters        ${whole(totals.filters)}, of them zero ${whole(totals.zeroFilters)}, removed ${whole(totals.removedFilters)} (${percent(ratio(totals.removedFilters, totals.filters))})`,
    ...(totals.zeroFilters > 0
      ? ['                 (zero filters stay where a sum needs their place, or their bias shows at a padded border)']
      : []),
    `  multiply-adds  ${short(totals.multiplyAdds)}, of them useful ${short(totals.usefulMultiplyAdds)} (${percent(totals.usefulFraction)})`,
    ...(plan === undefined
      ? []
      : [
          `  activations    ${bytes(plan.arenaBytes)} in one arena for each thread, in tiles with their halos (${bytes(plan.aliveBytes)} are in use at once)`,
          `  packed weights ${bytes(plan.constantBytes)}, walked by ${plan.steps} steps`,
        ]),
    '',
    'Simplified',
    ...graph.passes
      .filter(({ changes }) => changes > 0)
      .map(({ changes, counts }) => `  ${String(changes).padStart(6)}  ${counts}`),
  ];
}

function layerTable({ layers }: GraphReport): string[] {
  const header = [
    'LAYER',
    'OPERATION',
    'IN',
    'OUT',
    'WEIGHTS',
    'NON-ZERO',
    'SPARSITY',
    'REMOVED',
    'MADDS',
    'USEFUL',
    'BYTES',
  ];
  const rows = layers.map(({ name: layer, operation, inputShape, outputShape, weights, activationBytes }) => [
    name(layer),
    operation,
    image(inputShape),
    image(outputShape),
    ...(weights === undefined
      ? ['', '', '', '', '', '']
      : [
          whole(weights.weights),
          whole(weights.nonZeros),
          percent(weights.sparsity),
          weights.removedFilters === 0 ? '-' : `${weights.removedFilters}/${weights.filters}`,
          short(weights.multiplyAdds),
          percent(ratio(weights.usefulMultiplyAdds, weights.multiplyAdds)),
        ]),
    bytes(activationBytes),
  ]);
  return formatTable(header, rows, ['left', 'left', 'right', 'right', ...Array<'right'>(7).fill('right')]);
}

/** How each layer is computed, and with `times` how long that takes. */
function planLines(report: ModelReport | TimedReport): string[] {
  const times = 'times' in report ? report.times : null;
  const notTimed = 'notTimed' in report ? report.notTimed : null;
  const { plan } = report.graph ?? {};
  return [
    ...(plan === undefined ? [] : ['', 'Plan of the sparse engine', ...planTable(plan.layers, times)]),
    ...(times === null ? [] : timeLines(times)),
    ...(notTimed === null ? [] : ['', `No times: ${escapeForTerminal(notTimed, 300)}`]),
  ];
}

function planTable(layers: PlanReport['layers'], times: ModelTimes | null): string[] {
  const timeHeader = times === null ? [] : ['MICROSECONDS', 'SHARE', 'GFLOP/S'];
  const rows = layers.map(({ node, kernel, layout, reason }, at) => [
    node === '' ? '-' : name(node),
    kernel,
    ...(times === null ? [] : timeCells(times.layers[at])),
    layout,
    reason,
  ]);
  const right = timeHeader.map(() => 'right' as const);
  return formatTable(['LAYER', 'KERNEL', ...timeHeader, 'LAYOUT', 'WHY'], rows, ['left', 'left', ...right]);
}

function timeCells(time: LayerTime | undefined): string[] {
  if (time === undefined) return ['', '', ''];
  const { microseconds, share, gigaflops } = time;
  return [microseconds.toFixed(1), percent(share), gigaflops === null ? '' : gigaflops.toFixed(1)];
}

function timeLines({ isa, threads, repetitions, microseconds }: ModelTimes): string[] {
  return [
    '',
    `One image takes ${whole(Math.round(microseconds))} microseconds (${isa}, ${threads} thread(s), medians of ${repetitions} runs; GFLOP/s of useful multiply-adds)`,
  ];
}

function name(text: string): string {
  return escapeForTerminal(text, NAME_WIDTH);
}

/** A shape without the batch. */
function image(shape: readonly (number | string)[]): string {
  return shape.slice(1).join('x');
}

function ratio(part: number, all: number): number {
  return all === 0 ? Number.NaN : part / all;
}

/** 2774592 as `2,774,592`. */
function whole(value: number): string {
  return value.toLocaleString('en-US');
}

/** 4100000 as `4.10 M`. */
function short(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(2)} G`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`;
  return value >= 1e3 ? `${(value / 1e3).toFixed(2)} k` : String(value);
}

function bytes(value: number): string {
  if (value >= 2 ** 20) return `${(value / 2 ** 20).toFixed(2)} MiB`;
  return value >= 2 ** 10 ? `${(value / 2 ** 10).toFixed(1)} KiB` : `${value} B`;
}
