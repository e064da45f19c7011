import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { Prediction, ServiceCalls } from '../../client/shared.js';
import { isFaultOfRequest } from '../../client/shared.js';
import { asFailure } from '../client/as-failure.js';
import { type ConnectionOptions, openClient } from '../client/connection.js';
import { escapeForTerminal } from '../terminal/escape.js';
import { percent } from '../terminal/numbers.js';
import { type CommandIo, printJson, printLines } from './command-io.js';
import { headOption, jsonOption, serverOption, wholeNumber } from './options.js';

interface PredictOptions extends ConnectionOptions {
  readonly head: string;
  readonly top: number;
  readonly json?: true;
}

type FilePrediction =
  | { readonly file: string; readonly answer: Prediction }
  | { readonly file: string; readonly error: string };

/** `headwater predict`: classifies files. */
export function addPredictCommand(program: Command, io: CommandIo, setStatus: (status: number) => void): void {
  program
    .command('predict')
    .description('classify images')
    .argument('<file...>', 'images: JPEG, PNG or WebP')
    .addOption(serverOption())
    .addOption(headOption())
    .option('--top <n>', 'so many of the best classes', wholeNumber(1, 1000), 3)
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ headwater predict --head flowers --top 5 rose.jpg')
    .action(async (files: string[], options: PredictOptions) => {
      const predictions = await predictFiles(files, options);
      if (options.json) printJson(io.out, { head: options.head, predictions: predictions.map(asJson) });
      else printLines(io.out, predictions.flatMap(asText));
      const failed = predictions.filter((prediction) => 'error' in prediction).length;
      if (failed === 0) return;
      io.err.write(`headwater predict: ${failed} of ${files.length} files could not be classified\n`);
      setStatus(1);
    });
}

/** One after the other; a file at fault is told in its place. */
async function predictFiles(files: readonly string[], options: PredictOptions): Promise<FilePrediction[]> {
  const { head, top, server } = options;
  const client = await openClient(options);
  const predictions: FilePrediction[] = [];
  try {
    for (const file of files) predictions.push(await predictFile(client, head, file, top));
    return predictions;
  } catch (error) {
    throw asFailure(error, server);
  } finally {
    client.close();
  }
}

async function predictFile(client: ServiceCalls, head: string, file: string, top: number): Promise<FilePrediction> {
  let image: Buffer;
  try {
    image = await readFile(file);
  } catch (error) {
    return { file, error: (error as Error).message };
  }
  try {
    return { file, answer: await client.predict(head, '', image, top) };
  } catch (error) {
    if (!isFaultOfRequest(error)) throw error;
    return { file, error: (error as { details: string }).details };
  }
}

function asJson(prediction: FilePrediction): object {
  if ('error' in prediction) return prediction;
  const { id, label, version, recorded, top } = prediction.answer;
  return { file: prediction.file, id, label, version, recorded, top };
}

function asText(prediction: FilePrediction): string[] {
  const file = escapeForTerminal(prediction.file);
  if ('error' in prediction) return [`${file}: ${escapeForTerminal(prediction.error)}`];
  const { label, top } = prediction.answer;
  if (label === '') return [`${file}: the head has learned nothing yet`];
  return [
    file,
    ...top.map(({ name, probability }) => `  ${percent(probability).padStart(7)}  ${escapeForTerminal(name)}`),
  ];
}
