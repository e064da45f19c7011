import { type Command, Option } from 'commander';
import { UsageError } from '../client/failure.js';
import { escapeForTerminal } from '../terminal/escape.js';
import { percent } from '../terminal/numbers.js';
import { type CommandIo, printJson, printLines } from './command-io.js';
import type { FeedOptions, FeedReport } from './feed-options.js';
import { runFeed } from './feed-run.js';
import { addNatsOptions, givenNatsOptions } from './nats-options.js';
import { atLeast, headOption, jsonOption, readHoldout, readRunPrefix, serverOption, wholeNumber } from './options.js';

const DETAILS = `
Data: a folder, a .tar or a .tar.gz (archives are kept in memory). An image's class is its immediate parent folder; a
folder train, val or test above that is a split. Images are fed in byte order of their paths unless --shuffle is given.

Ids: <run>:<class>:<file>. The default run is the base name of the data, so feeding the same data twice teaches nothing
the second time; give another --run to teach it again. Where two images of a class share a file name, the later one's
whole path is its <file>.

Exit status: 1 when an image was refused or could not be read (the others are fed), or labels were not trained, neither now
nor by a run before.

Examples:
  $ headwater feed --data flowers.tar.gz --head flowers --holdout 0.2 --shuffle 1
  $ headwater feed --data photos/ --head pets --nats data/nats.json --rate 20 --label-delay 5`;

/** `headwater feed`: a client that streams labelled images. */
export function addFeedCommand(program: Command, io: CommandIo, setStatus: (status: number) => void): void {
  const command = program
    .command('feed')
    .description('stream labelled images through a head, and label them')
    .addOption(serverOption())
    .requiredOption('--data <path>', 'labelled images: a folder, .tar or .tar.gz')
    .addOption(headOption())
    .addOption(
      new Option('--mode <mode>', 'join: predict, then label by id; sample: image and label together')
        .choices(['join', 'sample'])
        .default('join'),
    )
    .option(
      '--nats <url|file>',
      "publish the labels to NATS: a URL, or the server's nats.json; default: the Feedback RPC",
    );
  addNatsOptions(command)
    .option('--rate <n>', 'images a second; default: as fast as it goes', atLeast(0, true))
    .option('--label-delay <seconds>', 'between an answer and its label', atLeast(0), 0)
    .option('--shuffle <seed>', 'feed in an order that follows from this number', wholeNumber(0))
    .option('--limit <n>', 'feed no more than so many images', wholeNumber(1))
    .option(
      '--holdout <fraction|split>',
      'keep the last part of each class by name (split: the folders val and test) unlabelled, and predict it at the end',
      readHoldout,
    )
    .option('--run <prefix>', 'first part of the ids; default: the base name of the data', readRunPrefix)
    .option('--concurrency <n>', 'images at work at once', wholeNumber(1, 1024), 8)
    .option('--patience <seconds>', 'how long to keep trying while nothing moves', atLeast(0), 60)
    .addOption(jsonOption())
    .addHelpText('after', DETAILS)
    .action(async (options: FeedOptions) => {
      const [stray] = options.nats === undefined ? givenNatsOptions(options) : [];
      if (stray !== undefined) throw new UsageError(`${stray} needs --nats, where the labels go then`);
      const report = await runFeed(options, io.err);
      if (options.json) printJson(io.out, report);
      else printLines(io.out, summary(report));
      if (report.failed > 0) {
        io.err.write(`headwater feed: ${report.failed} images failed (named above); the rest is done\n`);
      }
      if (report.failed > 0 || !report.allTaught) setStatus(1);
    });
}

/** How labels ended that were not trained, if the server tells it. */
function ended({ duplicates, unknownIds, late, invalid, unaccounted }: FeedReport): string[] {
  if (duplicates === null) return [];
  const lost = unaccounted ? `, unaccounted for ${unaccounted}` : '';
  return [`not trained: duplicates ${duplicates}, unknown id ${unknownIds}, late ${late}, invalid ${invalid}${lost}`];
}

function summary(report: FeedReport): string[] {
  const lines = [
    `sent ${report.sent} images as ${escapeForTerminal(report.run)}:…, labelled ${report.labelled}, trained ${report.trained}` +
      ` (${report.seconds.toFixed(1)} s, ${(report.imagesPerSecond ?? 0).toFixed(1)} images/s)`,
    ...ended(report),
    `${report.head}: version ${report.version}, ${report.classes} classes`,
    `served accuracy      ${percent(report.servedAccuracy)}`,
    `prequential accuracy ${percent(report.prequentialAccuracy)}`,
  ];
  if (report.heldOut > 0) {
    lines.push(
      `holdout accuracy     ${percent(report.holdoutAccuracy)} (${report.holdoutCorrect} of ${report.heldOut}; ` +
        `mean per class ${percent(report.holdoutMeanPerClassAccuracy)})`,
    );
  }
  return lines;
}
