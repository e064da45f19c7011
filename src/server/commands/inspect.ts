import type { Command } from 'commander';
import { type CommandIo, printLines } from './command-io.js';
import { inspectLines } from './inspect-text.js';
import { jsonOption, wholeNumber } from './options.js';

interface Options {
  readonly output?: string;
  readonly size?: number;
  readonly json?: true;
}

/** `headwater inspect MODEL`: what the engine makes of a model, without running it. */
export function addInspectCommand(program: Command, io: CommandIo): void {
  program
    .command('inspect')
    .description('show a model as the engine sees it: layers, zeros, removed filters, arithmetic, memory')
    .argument('<model>', 'an ONNX file')
    .option('--output <name>', 'the tensor that is the embedding (default: as in `backbones[].output`)')
    .option('--size <pixels>', 'height and width of the image, where the file leaves them open', wholeNumber(1, 8192))
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExamples:\n  $ headwater inspect models/tiny_acdc90.onnx\n' +
        '  $ headwater inspect mobilenet.onnx --output features --json',
    )
    .action(async (model: string, options: Options) => {
      // Loaded here only: the other commands need no engine.
      const { inspectModel } = await import('../../engine/index.js');
      const report = await inspectModel({ model, output: options.output, size: options.size });
      printLines(io.out, options.json ? [JSON.stringify(report)] : inspectLines(report));
    });
}
