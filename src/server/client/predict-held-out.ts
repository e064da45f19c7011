import type { RetryPolicy, ServiceCalls } from '../../client/shared.js';
import { isFaultOfRequest } from '../../client/shared.js';
import type { LabelledImage } from '../data/labelled-image.js';
import { predictPatiently } from './predict-recorded.js';

/** Of held-out images: how many of each class, and how many of them were answered right. */
export interface HoldoutTally {
  readonly classes: ReadonlyMap<string, { readonly count: number; readonly correct: number }>;
}

export interface HoldoutAccuracy {
  readonly correct: number;
  readonly count: number;
  /** correct / count; null without images. */
  readonly accuracy: number | null;
  /** The mean over classes of the share that was right in each; null without images. */
  readonly meanPerClass: number | null;
}

/** Accuracy over all images, and the mean over classes. */
export function holdoutAccuracy({ classes }: HoldoutTally): HoldoutAccuracy {
  let count = 0;
  let correct = 0;
  let shares = 0;
  for (const tally of classes.values()) {
    count += tally.count;
    correct += tally.correct;
    shares += tally.correct / tally.count;
  }
  if (count === 0) return { correct, count, accuracy: null, meanPerClass: null };
  return { correct, count, accuracy: correct / count, meanPerClass: shares / classes.size };
}

export interface HoldoutOptions {
  readonly head: string;
  readonly concurrency: number;
  readonly retry: RetryPolicy;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Predicts images that were never labelled. Their ids are the server's own, so that they never meet a label. An image that
 * is refused or can't be read counts as wrong.
 *
 * @param onDone Told after each image how many are done; `problem` when it was not predicted.
 */
export async function predictHeldOut(
  images: readonly LabelledImage[],
  client: ServiceCalls,
  options: HoldoutOptions,
  onDone: (done: number, image: LabelledImage, problem?: string) => void = () => {},
): Promise<HoldoutTally> {
  const classes = new Map<string, { count: number; correct: number }>();
  let next = 0;
  let done = 0;
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;

  const worker = async () => {
    for (let index = next++; index < images.length; index = next++) {
      signal.throwIfAborted();
      const image = images[index] as LabelledImage;
      const answer = await answerOf(image, client, options, signal);
      const tally = classes.get(image.label) ?? { count: 0, correct: 0 };
      tally.count++;
      if (answer.label === image.label) tally.correct++;
      classes.set(image.label, tally);
      onDone(++done, image, answer.problem);
    }
  };

  const workers = Array.from({ length: options.concurrency }, worker);
  try {
    await Promise.all(workers);
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(workers);
    throw error;
  }
  return { classes };
}

async function answerOf(
  image: LabelledImage,
  client: ServiceCalls,
  { head, retry }: HoldoutOptions,
  signal: AbortSignal,
): Promise<{ label?: string; problem?: string }> {
  let bytes: Buffer;
  try {
    bytes = await image.read();
  } catch (error) {
    return { problem: `can't be read: ${(error as Error).message}` };
  }
  try {
    return { label: (await predictPatiently(client, head, '', bytes, retry, signal)).label };
  } catch (error) {
    if (isFaultOfRequest(error)) return { problem: (error as { details: string }).details };
    throw error;
  }
}
