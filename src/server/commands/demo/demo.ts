import { type Command, Option } from 'commander';
import { Failure } from '../../client/failure.js';
import type { CommandIo } from '../command-io.js';
import { atLeast, readTriple, wholeNumber } from '../options.js';
import type { DemoOptions } from './demo-options.js';
import { runDemo } from './run.js';

const DETAILS = `
Without --data the demo draws its images, and says so. Its files are in data/demo, which is emptied at every start.
With --data, the folders val and test are held out, or else the last 20 % of each class by name.

Image settings (--size … --std) describe an own backbone: (value / scale - mean) / std, three values in the order of the
channels. Default: 224, rgb, 255 and the means and deviations of ImageNet.

Examples:
  $ headwater demo
  $ headwater demo --model mobilenet.onnx --mean 0.5,0.5,0.5 --std 0.5,0.5,0.5 --data photos/ --stay`;

/** `headwater demo`: a server, a stream of labelled images, and a live chart. */
export function addDemoCommand(program: Command, io: CommandIo, setStatus: (status: number) => void): void {
  program
    .command('demo')
    .description('start a server, teach it with labelled images, and watch its accuracy rise')
    .option('--data <path>', 'real photos: a folder, .tar or .tar.gz, one folder a class')
    .option('--model <file>', 'an own backbone (ONNX)')
    .option(
      '--images <n>',
      'feed so many images; default: 1500 drawn ones, or all of --data',
      wholeNumber(1, 1_000_000),
    )
    .option('--rate <n>', 'images a second', atLeast(0, true), 40)
    .option('--seed <n>', 'of drawings and order', wholeNumber(0), 7)
    .option('--stay', 'keep the server running until Ctrl-C')
    .option('--size <pixels>', "side of the network's input", wholeNumber(1, 4096))
    .option('--resize <pixels>', 'length of the shorter side before the crop', wholeNumber(1, 8192))
    .addOption(new Option('--channels <order>', 'order of the channels').choices(['rgb', 'bgr']))
    .option('--scale <n>', 'pixel values are divided by this', atLeast(0, true))
    .option('--mean <a,b,c>', 'subtracted', readTriple)
    .option('--std <a,b,c>', 'divided by', readTriple)
    .addHelpText('after', DETAILS)
    .action(async (options: DemoOptions) => {
      setStatus(await untilInterrupted(io, (signal) => runDemo(options, io, signal)));
    });
}

/** Runs a task that Ctrl-C (or SIGTERM, SIGHUP) ends in order. @returns The exit status. */
async function untilInterrupted(io: CommandIo, task: (signal: AbortSignal) => Promise<void>): Promise<number> {
  const interrupt = new AbortController();
  const onSignal = () => {
    if (!interrupt.signal.aborted) io.err.write('\nstopping the server …\n');
    interrupt.abort(new Failure('interrupted'));
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of signals) process.on(name, onSignal);
  try {
    await task(interrupt.signal);
    return 0;
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    return 1;
  } finally {
    for (const name of signals) process.removeListener(name, onSignal);
  }
}
