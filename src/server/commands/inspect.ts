import type { Command } from 'commander';
import type { TimeOptions } from '../../engine/index.js';
import { type CommandIo, printJson, printLines } from './command-io.js';
import { inspectLines } from './inspect-text.js';
import { isaOption, jsonOption, wholeNumber } from './options.js';

interface Options {
  readonly output?: string;
  readonly size?: number;
  readonly time?: true;
  readonly threads: number;
  readonly isa?: TimeOptions['isa'];
  readonly json?: true;
}

/** `headwater inspect MODEL`: what the engine makes of a model; with `--time` it is run, too. */
export function addInspectCommand(program: Command, io: CommandIo): void {
  program
    .command('inspect')
    .description('show a model as the engine sees it: layers, zeros, removed filters, arithmetic, kernels, memory')
    .argument('<model>', 'an ONNX file')
    .option('--output <name>', 'the tensor that is the embedding (default: as in `backbones[].output`)')
    .option('--size <pixels>', 'height and width of the image, where the file leaves them open', wholeNumber(1, 8192))
    .option('--time', 'run the plan on noise and show where the time goes (needs the native addon)')
    .option('--threads <n>', 'with --time: threads that compute; 0: all cores', wholeNumber(0, 512), 1)
    .addOption(isaOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExamples:\n  $ headwater inspect models/tiny_acdc90.onnx\n' +
        '  $ headwater inspect mobilenet.onnx --output features --time --json',
    )
    .action(async (model: string, { output, size, threads, ...options }: Options) => {
      // Loaded here only: the other commands need neither engine nor configuration.
      const { inspectModel, timeModel } = await import('../../engine/index.js');
      const { isaOfEnvironment } = await import('../config/index.js');
      const report = options.time
        ? await timeModel({ model, output, size, threads, isa: options.isa ?? isaOfEnvironment() })
        : await inspectModel({ model, output, size });
      if (options.json) printJson(io.out, report);
      else printLines(io.out, inspectLines(report));
    });
}
