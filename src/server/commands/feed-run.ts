import type { Head__Output } from '../../../protos/index.js';
import type { ServiceCalls } from '../../client/shared.js';
import { DEFAULT_RETRY, type RetryPolicy } from '../../client/shared.js';
import { asFailure } from '../client/as-failure.js';
import { openClient } from '../client/connection.js';
import { Failure } from '../client/failure.js';
import { FeedbackSender } from '../client/feedback-sender.js';
import { accountForLabels, judgeLabels, type LabelAccount } from '../client/label-account.js';
import type { LabelSender } from '../client/label-sender.js';
import { NatsSender } from '../client/nats-sender.js';
import { type HoldoutTally, holdoutAccuracy, predictHeldOut } from '../client/predict-held-out.js';
import { firstHead, unsettled, waitUntilSettled } from '../client/settle.js';
import { newCounts, type StreamCounts, streamImages } from '../client/stream-images.js';
import { type DividedImages, divide } from '../data/holdout.js';
import { imageId } from '../data/image-id.js';
import type { LabelledImage } from '../data/labelled-image.js';
import { openLabelledImages } from '../data/open.js';
import { shuffled } from '../data/random.js';
import { escapeForTerminal } from '../terminal/escape.js';
import { percent } from '../terminal/numbers.js';
import { Progress, type ProgressOutput } from '../terminal/progress.js';
import type { FeedOptions, FeedReport } from './feed-options.js';
import { natsSecurity } from './nats-options.js';

/** Failed images that are named one by one. */
const FAILURES_SHOWN = 10;

/** Opens the data, brings it into order, and checks every id before anything is sent. */
export async function planFeed(
  options: Pick<FeedOptions, 'data' | 'holdout' | 'shuffle' | 'limit' | 'run'>,
): Promise<DividedImages & { readonly run: string; readonly skipped: number }> {
  const { name, images, skipped } = await openLabelledImages(options.data);
  const run = options.run ?? name;
  const { fed, heldOut } = divide(images, options.holdout ?? { kind: 'none' });
  const ordered = options.shuffle === undefined ? fed : shuffled(fed, options.shuffle);
  const limited = ordered.slice(0, options.limit);
  for (const image of limited) imageId(run, image);
  return { fed: limited, heldOut, run, skipped };
}

/**
 * Streams labelled images, waits until all is trained, and predicts those held out.
 *
 * @param log Where progress goes.
 * @throws Failure, DataError.
 */
export async function runFeed(options: FeedOptions, log: ProgressOutput): Promise<FeedReport> {
  const plan = await planFeed(options);
  if (plan.skipped > 0) log.write(`passed over ${plan.skipped} files that are no images in a class folder\n`);
  const client = await openClient(options);
  try {
    return await new FeedRun(options, plan, client, log).run();
  } catch (error) {
    throw asFailure(error, options.server);
  } finally {
    client.close();
  }
}

class FeedRun {
  readonly #retry: RetryPolicy;
  readonly #counts: StreamCounts = newCounts();
  #failuresShown = 0;

  constructor(
    private readonly options: FeedOptions,
    private readonly plan: Awaited<ReturnType<typeof planFeed>>,
    private readonly client: ServiceCalls,
    private readonly log: ProgressOutput,
  ) {
    this.#retry = { ...DEFAULT_RETRY, patienceMs: 1000 * options.patience };
  }

  async run(): Promise<FeedReport> {
    const before = await this.#headBefore();
    const start = performance.now();
    const labels = await this.#openLabels();
    try {
      await this.#stream(labels);
    } finally {
      await labels.close();
    }
    const streamed = performance.now();
    const after = await this.#waitUntilTrained();
    const trained = performance.now();
    if (after.generation !== before.generation) {
      throw new Failure(`the head ${after.name} was deleted and created again meanwhile; feed once more`);
    }
    const account = accountForLabels(this.#counts.labelled, before, after);
    const allTaught = this.#tellUntaught(account);
    const tally = await this.#predictHeldOut();
    return this.#report(after, account, allTaught, tally, (streamed - start) / 1000, (trained - start) / 1000);
  }

  /** The first call: a server that is not there is told at once, not after `--patience`. */
  async #headBefore(): Promise<Head__Output> {
    const head = await firstHead(this.client, this.options.head, this.#retry, (error) => {
      this.log.write(`${escapeForTerminal(asFailure(error, this.options.server).message)}; waiting for it\n`);
    });
    if (unsettled(head) === undefined) return head;
    // Samples of before would be counted as trained by this run.
    this.log.write('the head is still learning what was fed before; waiting for that\n');
    return waitUntilSettled(this.client, this.options.head, this.#retry);
  }

  #openLabels(): Promise<LabelSender> {
    const { head, nats } = this.options;
    const warn = (message: string) => void this.log.write(`${escapeForTerminal(message)}\n`);
    return nats === undefined
      ? Promise.resolve(new FeedbackSender(this.client, head, this.#retry))
      : NatsSender.connect({ address: nats, security: natsSecurity(this.options), warn }, head, this.#retry);
  }

  async #stream(labels: LabelSender): Promise<void> {
    const { head, mode, rate, labelDelay, concurrency } = this.options;
    const { fed, run } = this.plan;
    const progress = new Progress('feeding', this.log);
    const state = () => {
      const { labelled, answered, correct, failed } = this.#counts;
      const accuracy =
        mode === 'join' ? `  served accuracy ${percent(answered === 0 ? null : correct / answered)}` : '';
      return {
        done: labelled + failed,
        total: fed.length,
        detail: `labelled ${labelled}${accuracy}${failed > 0 ? `  failed ${failed}` : ''}`,
      };
    };
    await streamImages(
      fed,
      this.client,
      labels,
      { head, mode, run, rate, labelDelay, concurrency, retry: this.#retry },
      this.#counts,
      {
        onAnswer: () => progress.update(state()),
        onLabelled: () => progress.update(state()),
        onFailed: (image, reason) => this.#tellFailure(progress, image, reason),
      },
    );
    progress.end(state());
    this.#warnUnrecorded();
  }

  #tellFailure(progress: Progress, image: LabelledImage, reason: string): void {
    this.#failuresShown++;
    if (this.#failuresShown > FAILURES_SHOWN) return;
    progress.message(`${escapeForTerminal(image.path)}: ${escapeForTerminal(reason)}`);
    if (this.#failuresShown === FAILURES_SHOWN) progress.message('more images that fail are only counted');
  }

  #warnUnrecorded(): void {
    const { unrecorded } = this.#counts;
    if (unrecorded > 0) {
      this.log.write(`${unrecorded} answers were not recorded, though asked for again: their labels may not join\n`);
    }
  }

  async #waitUntilTrained(): Promise<Head__Output> {
    const progress = new Progress('training', this.log);
    return waitUntilSettled(this.client, this.options.head, this.#retry, (head) => {
      const detail = `labels waiting ${head.labelsWaiting}  version ${head.latestVersion}`;
      progress.update({ done: head.snapshotSequence, total: head.logSequence, detail });
    });
  }

  /** @returns false when labels of this run were surely not taught. */
  #tellUntaught(account: LabelAccount): boolean {
    const { server, nats } = this.options;
    const verdict = judgeLabels(this.#counts.labelled, account, server, nats);
    if (verdict !== undefined) this.log.write(`${escapeForTerminal(verdict.message)}\n`);
    return !(verdict?.failed ?? false);
  }

  async #predictHeldOut(): Promise<HoldoutTally> {
    const { heldOut } = this.plan;
    if (heldOut.length === 0) return { classes: new Map() };
    const { head, concurrency } = this.options;
    const progress = new Progress('held out', this.log);
    const tally = await predictHeldOut(
      heldOut,
      this.client,
      { head, concurrency, retry: this.#retry },
      (done, image, problem) => {
        if (problem !== undefined) {
          this.#counts.failed++;
          this.#tellFailure(progress, image, problem);
        }
        progress.update({ done, total: heldOut.length, detail: 'predicted' });
      },
    );
    progress.end({ done: heldOut.length, total: heldOut.length, detail: 'predicted' });
    return tally;
  }

  #report(
    after: Head__Output,
    { trained, results, unaccounted }: LabelAccount,
    allTaught: boolean,
    tally: HoldoutTally,
    seconds: number,
    secondsUntilTrained: number,
  ): FeedReport {
    const { sent, labelled, answered, correct, failed, repeated, unrecorded } = this.#counts;
    const holdout = holdoutAccuracy(tally);
    return {
      sent,
      labelled,
      trained,
      duplicates: results?.duplicate ?? null,
      unknownIds: results?.unknown_id ?? null,
      late: results?.late ?? null,
      invalid: results?.invalid ?? null,
      unaccounted,
      allTaught,
      servedAccuracy: answered === 0 ? null : correct / answered,
      prequentialAccuracy: widestAccuracy(after),
      holdoutAccuracy: holdout.accuracy,
      holdoutMeanPerClassAccuracy: holdout.meanPerClass,
      seconds,
      imagesPerSecond: seconds > 0 ? sent / seconds : null,
      secondsUntilTrained,
      failed,
      repeated,
      unrecorded,
      heldOut: holdout.count,
      holdoutCorrect: holdout.correct,
      classes: after.classes.length,
      version: after.servingVersion,
      head: after.name,
      run: this.plan.run,
    };
  }
}

/** Of the widest window that holds samples. */
function widestAccuracy(head: Head__Output): number | null {
  const filled = head.prequentialAccuracy.filter(({ count }) => count > 0);
  return filled.sort((left, right) => right.window - left.window)[0]?.accuracy ?? null;
}
