import type { Command } from 'commander';
import type { BenchOptions, BenchReport, EngineFigures } from '../../engine/index.js';
import { escapeForTerminal } from '../terminal/escape.js';
import { formatTable } from '../terminal/table.js';
import { type CommandIo, printJson, printLines } from './command-io.js';
import { isaOption, jsonOption, wholeNumber } from './options.js';

interface Options {
  readonly batch: number;
  readonly threads: number;
  readonly pairs: number;
  readonly isa?: BenchOptions['isa'];
  readonly output?: string;
  readonly size?: number;
  readonly json?: true;
}

/** `headwater bench MODEL`: images a second of each engine on this machine. */
export function addBenchCommand(program: Command, io: CommandIo): void {
  program
    .command('bench')
    .description('images a second of each engine on this machine, timed in interleaved pairs of runs')
    .argument('<model>', 'an ONNX file')
    .option('--batch <n>', 'images in a run', wholeNumber(1, 4096), 1)
    .option('--threads <n>', 'threads that compute; 0: all cores', wholeNumber(0, 512), 0)
    .option('--pairs <n>', 'pairs of runs', wholeNumber(1, 100_000), 15)
    .option('--output <name>', 'the tensor that is the embedding (default: as in `backbones[].output`)')
    .option('--size <pixels>', 'height and width of the image, where the file leaves them open', wholeNumber(1, 8192))
    .addOption(isaOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExamples:\n  $ headwater bench models/tiny_acdc90.onnx\n' +
        '  $ headwater bench resnet50.onnx --batch 16 --threads 2 --json',
    )
    .action(async (model: string, options: Options) => {
      // Loaded here only: the other commands need neither engine nor configuration.
      const { benchModel } = await import('../../engine/index.js');
      const { isaOfEnvironment } = await import('../config/index.js');
      const isa = options.isa ?? isaOfEnvironment();
      const report = await benchModel({ model, ...options, isa }, (done, all) => {
        if (io.err.isTTY) io.err.write(`\r${done}/${all} runs${done === all ? '\r\u001b[K' : ''}`);
      });
      if (options.json) printJson(io.out, report);
      else printLines(io.out, benchLines(report));
    });
}

/** A report as lines for people. Names come from the file and are escaped. */
export function benchLines({ model, output, size, batch, threads, isa, pairs, engines, ratio }: BenchReport): string[] {
  const rows = (['sparse', 'onnxruntime'] as const).map((engine) => [
    engine === 'sparse' && isa !== null ? `sparse (${isa})` : engine,
    ...figures(engines[engine]),
  ]);
  return [
    `${escapeForTerminal(model)}: ${escapeForTerminal(output, 60)} of ${batch} image(s) of ${size} x ${size} a run, ${threads} thread(s), ${pairs} runs each`,
    ...formatTable(['ENGINE', 'IMAGES/S', ''], rows, ['left', 'right']).map((line) => `  ${line}`),
    ratio === null
      ? 'no ratio: one engine does not run this model'
      : `ratio ${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)} to ${ratio.max.toFixed(2)}): sparse over ONNX Runtime, the median of pairs`,
  ];
}

function figures({ imagesPerSecond, reason }: EngineFigures): string[] {
  if (imagesPerSecond === null) return ['-', escapeForTerminal(reason ?? '', 300)];
  return [imagesPerSecond.toFixed(imagesPerSecond < 100 ? 2 : 0), ''];
}
