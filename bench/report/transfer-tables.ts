import type { Spread } from '../measure/statistics.js';
import type { TransferResult } from '../transfer/results.js';
import type { Section } from './engine-tables.js';
import { machineLines } from './engine-tables.js';
import { atMost, milliseconds, table } from './markdown.js';

export function transferSections(result: TransferResult): Section[] {
  const { machine, command, source, images, batch, threads, dimensions, classes, pairs } = result;
  const what =
    `${images} ${source} a turn, batch ${batch}, ${threads} threads, embeddings of ${dimensions}, ${classes} classes, ` +
    `${pairs} interleaved rounds.`;
  return [
    { name: 'transfer:machine', markdown: `${machineLines(machine, command)}\n${what}` },
    { name: 'transfer:fractions', markdown: fractions(result) },
  ];
}

function fractions({ rows, dense, learning }: TransferResult): string {
  const head = [
    'ResNet-50',
    'time / dense, from pixels',
    'target',
    '',
    'with JPEG decoding',
    'paper, table 5',
    'ms an image, from pixels',
  ];
  const body = rows.map(({ sparsity, target, paper, pixels, jpeg, milliseconds: taken, refusal }) => [
    `uniform ${sparsity} %`,
    refusal === undefined ? fraction(pixels) : `did not run: ${refusal}`,
    `<= ${target}`,
    atMost(pixels?.median, target),
    fraction(jpeg),
    String(paper),
    milliseconds(taken),
  ]);
  const reference = [
    'dense, ONNX Runtime',
    '1',
    '',
    '',
    `1 (${milliseconds(dense.jpeg)} ms)`,
    '1',
    milliseconds(dense.pixels),
  ];
  return `${table(head, [...body, reference])}\n\nThe head by itself learns an image in ${milliseconds(learning)} ms.`;
}

function fraction(value: Spread | undefined): string {
  if (value === undefined) return '-';
  return `${value.median.toFixed(3)} (${value.min.toFixed(3)} to ${value.max.toFixed(3)})`;
}
