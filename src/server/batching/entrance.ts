import { StatusError } from '../errors.js';
import type { Admission, Ask, Priority, Refusal } from './admission.js';
import { MOST_BATCHES } from './batch-plan.js';
import type { Counters } from './counts.js';
import type { EngineLine } from './engine-line.js';
import type { SpeedEstimate } from './estimate.js';
import type { FairQueue } from './fair-queue.js';
import { answeredIn, retryDelay } from './outlook.js';
import type { QueuedRequest } from './request.js';

export interface EntranceParts {
  /** Images a batch. */
  readonly size: number;
  readonly learningShare: number;
  readonly lines: Readonly<Record<Priority, FairQueue<QueuedRequest>>>;
  readonly engine: EngineLine;
  readonly speed: SpeedEstimate;
  readonly admission: Admission;
  readonly counters: Counters;
}

/** Looks at what comes before anything is done for it: whether there is room, and whether it can be in time. Only reads. */
export class Entrance {
  constructor(
    private readonly backbone: string,
    private readonly parts: EntranceParts,
  ) {}

  /**
   * @param leftMs until its deadline; Infinity: it has none
   * @param readyInMs until its images are decoded
   * @throws StatusError queue_full, message_too_large, deadline_exceeded; counted
   */
  check(ask: Ask, leftMs: number, readyInMs: number, now: number): void {
    const { admission, counters, engine } = this.parts;
    const refusal = admission.refusal(ask);
    if (refusal !== undefined) throw this.full(ask, refusal);
    if (leftMs === Number.POSITIVE_INFINITY) return;
    // Nobody is delayed by it, and what was measured in a slow moment would otherwise refuse all that could correct it.
    if (leftMs > 0 && admission.images === 0 && engine.length === 0) return;
    // Without overload all that is held is an upper bound: only when that takes too long are the turns counted.
    // Others go through the engine while its images are decoded; its own go after that.
    const alone = readyInMs === 0 ? 0 : readyInMs + this.ownMs(ask);
    const answeredIn = (before: number) => Math.max(alone, this.answeredIn(ask, before, now));
    if (leftMs > 0 && !this.overloaded && answeredIn(admission.imagesOf(ask.priority)) <= leftMs) return;
    const needsMs = answeredIn(this.imagesBefore(ask));
    if (leftMs > 0 && needsMs <= leftMs) return;
    counters.refused.deadline++;
    const work = `what is in front of it and its own ${ask.images} images take about ${Math.ceil(needsMs)} ms`;
    const left = `the deadline is in ${Math.max(0, Math.floor(leftMs))} ms`;
    throw new StatusError('deadline_exceeded', `backbone ${this.backbone}: not run: ${work}, ${left}`);
  }

  private full(ask: Ask, { reason, text, excess }: Refusal): StatusError {
    const { admission, counters, size, speed } = this.parts;
    const never = admission.tooLarge(ask);
    if (never !== undefined) {
      counters.refused.size++;
      return new StatusError('message_too_large', `backbone ${this.backbone}: ${never}; send fewer at once`);
    }
    const refusals = counters.refused[reason]++;
    const retryDelayMs = retryDelay(excess, admission.images, size, speed, refusals);
    return new StatusError('queue_full', `backbone ${this.backbone}: ${text}; try again later`, { retryDelayMs });
  }

  private ownMs({ images }: Ask): number {
    const { size, speed } = this.parts;
    return speed.ofImages(images, size) * (1 + speed.relativeDeviation);
  }

  private answeredIn({ images, priority }: Ask, before: number, now: number): number {
    const { admission, engine, learningShare, size, speed } = this.parts;
    const inference = priority === 'inference';
    const front = {
      engineMs: engine.leftMs(now),
      images: before + images,
      others: admission.imagesOf(inference ? 'learning' : 'inference'),
      othersShare: inference ? learningShare : 1 - learningShare,
      usualBatch: engine.largest,
    };
    return answeredIn(front, size, speed);
  }

  /** Images of the same kind that go before the last of these. Those still being decoded count as in line. */
  private imagesBefore({ images, client, priority }: Ask): number {
    const { admission, lines } = this.parts;
    // Learning is not divided by clients.
    if (priority === 'learning') return admission.imagesOf(priority);
    const line = lines[priority];
    const own = admission.imagesHeldBy(client);
    const reserved = admission.imagesOf(priority) - line.depth - (own - line.imagesOf(client));
    // Of each other client no more than of this one.
    const others = Math.max(0, admission.clients - (own > 0 ? 1 : 0));
    return own + Math.min(reserved, (own + images) * others) + line.ahead(client, own, images, this.overloaded);
  }

  /** The engine has all that it takes ahead, and there is more. */
  private get overloaded(): boolean {
    const { engine, lines, size } = this.parts;
    return engine.length >= MOST_BATCHES && lines.inference.depth >= size;
  }
}
