import type {
  EngineBenchResult,
  FootprintResult,
  IsolatedResult,
  Machine,
  NetworkResult,
  NoiseResult,
} from '../engine/results.js';
import { atLeast, atMost, digits, milliseconds, table, times } from './markdown.js';

const LARGEST_DIFFERENCE = 1e-5;
const RESIDENT_TARGET = 0.5;
const LOAD_TARGET_MS = 1500;
const TAIL_TARGET = 2;

/** A part of docs/performance.md: the name that its markers have, and what stands between them. */
export interface Section {
  readonly name: string;
  readonly markdown: string;
}

export function engineSections(result: EngineBenchResult): Section[] {
  const { networks, isolated, footprint, noise, leftOut } = result;
  const note = leftOut.length === 0 ? '' : `\n\nLeft out: ${leftOut.join('; ')}.`;
  const sections: Section[] = [
    { name: 'engine:machine', markdown: machineLines(result.machine, result.command) + note },
  ];
  const add = (name: string, markdown: string) => sections.push({ name: `engine:${name}`, markdown });
  if (networks.length > 0) {
    add('networks', networkTable(networks));
    add('int8', int8Table(networks));
    add('numerics', numericsTable(networks));
  }
  const measuredBefore = networks.filter(({ prototype }) => prototype !== undefined);
  if (measuredBefore.length > 0) add('avx2', avx2Table(measuredBefore));
  if (isolated !== undefined) add('isolated', isolatedTable(isolated));
  if (footprint !== undefined) add('footprint', footprintTable(footprint));
  if (noise !== undefined) add('noise', noiseTable(noise));
  return sections;
}

export function machineLines(
  { date, cpu, cores, memoryGiB, system, node, onnxruntime, commit }: Machine,
  command: string,
) {
  return (
    `${date}, commit ${commit}: ${cpu}, ${cores} cores, ${memoryGiB} GiB, ${system}, Node.js ${node}, onnxruntime-node ${onnxruntime}.\n` +
    `Command: \`${command}\`. Ratios are medians over interleaved pairs, in brackets the smallest and the largest.`
  );
}

function networkTable(networks: readonly NetworkResult[]): string {
  const head = [
    'network',
    'batch, threads',
    'sparse over ONNX Runtime FP32',
    'target',
    '',
    'ms an image: sparse',
    'FP32',
    'pairs',
  ];
  const rows = networks.map((result) => [
    result.title,
    setting(result),
    result.sparse === undefined ? `did not run: ${result.refusals.join('; ')}` : times(result.sparse),
    `${result.target}x`,
    atLeast(result.sparse?.median, result.target),
    milliseconds(result.milliseconds.sparse),
    milliseconds(result.milliseconds.fp32),
    String(result.pairs),
  ]);
  return table(head, rows);
}

function int8Table(networks: readonly NetworkResult[]): string {
  const head = [
    'network',
    'batch, threads',
    'sparse over dense INT8',
    'target',
    '',
    'INT8 over FP32',
    'ms an image: INT8',
    'correlation',
  ];
  const rows = networks.map((result) => [
    result.title,
    setting(result),
    times(result.sparseOverInt8),
    result.int8Target === undefined ? '' : `${result.int8Target}x`,
    atLeast(result.sparseOverInt8?.median, result.int8Target),
    times(result.int8OverFp32),
    milliseconds(result.milliseconds.int8),
    result.int8Correlation?.toFixed(4) ?? '-',
  ]);
  return table(head, rows);
}

function avx2Table(networks: readonly NetworkResult[]): string {
  const head = [
    'network',
    'batch, threads',
    'AVX2 only, over ONNX Runtime FP32',
    'prototype, AVX2',
    '',
    'default',
    'prototype, AVX-512',
    '',
  ];
  const rows = networks.map((result) => [
    result.title,
    setting(result),
    times(result.avx2),
    `${result.prototype!.avx2}x`,
    atLeast(result.avx2?.median, result.prototype!.avx2),
    times(result.sparse),
    `${result.prototype!.avx512}x`,
    atLeast(result.sparse?.median, result.prototype!.avx512),
  ]);
  return table(head, rows);
}

function numericsTable(networks: readonly NetworkResult[]): string {
  const head = [
    'network',
    'batch',
    'input',
    'max |difference| / max |reference|',
    'AVX2',
    `target ${LARGEST_DIFFERENCE}`,
  ];
  const rows = networks.map(({ title, batch, inputs, difference, avx2Difference }) => [
    title,
    String(batch),
    inputs,
    difference?.toExponential(1) ?? '-',
    avx2Difference?.toExponential(1) ?? '',
    atMost(difference === undefined ? undefined : Math.max(difference, avx2Difference ?? 0), LARGEST_DIFFERENCE),
  ]);
  return table(head, rows);
}

function isolatedTable({ title, gapMs, ratio, target, milliseconds: taken, pairs }: IsolatedResult): string {
  const head = [
    'network',
    'before each run',
    'sparse over ONNX Runtime FP32',
    'target',
    '',
    'ms: sparse',
    'FP32',
    'pairs',
  ];
  const cells = [
    times(ratio),
    `${target}x`,
    atLeast(ratio.median, target),
    milliseconds(taken.sparse),
    milliseconds(taken.fp32),
  ];
  return table(head, [[`${title}, 1 thread`, `${gapMs} ms`, ...cells, String(pairs)]]);
}

function footprintTable({ title, sparse, fp32 }: FootprintResult): string {
  const share = sparse.resident / fp32.resident;
  const head = [title, 'sparse', 'ONNX Runtime FP32', 'sparse / ONNX Runtime', 'target', ''];
  return table(head, [
    [
      'resident, MiB',
      mebibytes(sparse.resident),
      mebibytes(fp32.resident),
      share.toFixed(2),
      `<= ${RESIDENT_TARGET}`,
      atMost(share, RESIDENT_TARGET),
    ],
    ['peak, MiB', mebibytes(sparse.peak), mebibytes(fp32.peak), (sparse.peak / fp32.peak).toFixed(2), '', ''],
    [
      'load, ms',
      sparse.loadMs.toFixed(0),
      fp32.loadMs.toFixed(0),
      (sparse.loadMs / fp32.loadMs).toFixed(2),
      `<= ${LOAD_TARGET_MS} ms`,
      atMost(sparse.loadMs, LOAD_TARGET_MS),
    ],
  ]);
}

function noiseTable(results: readonly NoiseResult[]): string {
  const head = [
    'threads',
    'sparse: median, p99 (ms)',
    'p99 / median',
    'ONNX Runtime: median, p99 (ms)',
    'p99 / median',
    'sparse / ONNX Runtime',
    'target',
    '',
    'quiet: sparse, ONNX Runtime',
    'runs',
  ];
  const ratio = ({ median, p99 }: { median: number; p99: number }) => p99 / median;
  const rows = results.map(({ threads, sparse, fp32, runs }) => {
    const share = ratio(sparse.noisy) / ratio(fp32.noisy);
    return [
      String(threads),
      `${digits(sparse.noisy.median)}, ${digits(sparse.noisy.p99)}`,
      ratio(sparse.noisy).toFixed(2),
      `${digits(fp32.noisy.median)}, ${digits(fp32.noisy.p99)}`,
      ratio(fp32.noisy).toFixed(2),
      share.toFixed(2),
      `<= ${TAIL_TARGET}`,
      atMost(share, TAIL_TARGET),
      `${ratio(sparse.quiet).toFixed(2)}, ${ratio(fp32.quiet).toFixed(2)}`,
      String(runs),
    ];
  });
  return table(head, rows);
}

function setting({ batch, threads }: NetworkResult): string {
  return `${batch}, ${threads}`;
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}
