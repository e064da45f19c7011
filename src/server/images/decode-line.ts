// Who waits for a decoder, and whose turn it is: the same order as in front of the engine, so that neither is a way around the other.
import type { Priority } from '../batching/admission.js';
import { LearningBalance } from '../batching/batch-plan.js';
import { systemClock } from '../batching/clock.js';
import { Deadlines } from '../batching/deadlines.js';
import { DecodeCost } from './decode-cost.js';
import type { DecodeRequest, DecodeTask } from './decode-request.js';
import { Turns } from './turns.js';

/**
 * Bounded by admission: an image stands here only if its backbone's queue has a place for it. Inference goes first; learning
 * has what it leaves and a guaranteed share. Within each, clients take turns by images. A request that is cancelled or whose
 * deadline passes leaves at once.
 */
export class DecodeLine {
  private readonly lines: Readonly<Record<Priority, Turns>> = { inference: new Turns(), learning: new Turns() };
  private readonly again: DecodeTask[] = [];
  private readonly balance: LearningBalance;
  private readonly deadlines = new Deadlines<DecodeRequest>(systemClock, (request) => request.expire());
  private readonly cost = new DecodeCost();

  /** @param learningShare part of the decoders that learning is sure of while inference waits, 0 to 1 */
  constructor(private readonly learningShare = 0) {
    this.balance = new LearningBalance(learningShare, 1);
  }

  add(request: DecodeRequest): void {
    if (request.waiting === 0) return;
    const line = this.lines[request.priority];
    request.onDecoded = (ms) => this.cost.observe(ms);
    request.onOver = () => {
      this.deadlines.remove(request);
      line.remove(request);
    };
    if (request.deadline <= systemClock.now()) {
      request.expire();
      return;
    }
    line.add(request);
    this.deadlines.add(request);
  }

  /** To the front: its decoder ended. */
  putBack(task: DecodeTask): void {
    if (!task.gone) this.again.push(task);
  }

  next(): DecodeTask | undefined {
    for (let task = this.again.shift(); task !== undefined; task = this.again.shift()) {
      if (!task.gone) return task;
    }
    const { inference, learning } = this.lines;
    const waits = learning.images > 0;
    const first = waits && (inference.images === 0 || this.balance.owed > 0) ? learning : inference;
    const task = first.next();
    if (task !== undefined) this.balance.ran(first === inference ? 1 : 0, first === learning ? 1 : 0, waits);
    return task;
  }

  /**
   * Milliseconds until `count` images of a client that came now would be decoded by so many decoders, by what images took lately. 0 when
   * nothing waits: then a decoder takes them at once, whatever was measured.
   */
  expectedMs(client: string, priority: Priority, count: number, decoders: number): number {
    const line = this.lines[priority];
    const before = line.before(client, count);
    const others = this.lines[priority === 'inference' ? 'learning' : 'inference'].images;
    if (before + others === 0) return 0;
    const share = priority === 'inference' ? this.learningShare : 1 - this.learningShare;
    const own = before + count;
    const most = share >= 1 ? others : (own * share) / (1 - share);
    return (this.cost.ms * (own + Math.min(others, most))) / decoders;
  }

  close(): void {
    this.deadlines.close();
  }
}
