import { TurnTaking } from '../batching/turn-taking.js';
import type { DecodeRequest, DecodeTask } from './decode-request.js';

/** Requests that take turns, one image each (images cost about the same), and how many images of whom are in line. */
export class Turns {
  private readonly requests = new TurnTaking<DecodeRequest>();
  private readonly counts = new Map<string, number>();
  private total = 0;

  /** In line. */
  get images(): number {
    return this.total;
  }

  add(request: DecodeRequest): void {
    this.requests.add(request);
    this.count(request.client, request.untaken);
  }

  /** What of it is still in line leaves; does nothing when it is not there. */
  remove(request: DecodeRequest): void {
    if (this.requests.remove(request)) this.count(request.client, -request.untaken);
  }

  next(): DecodeTask | undefined {
    const request = this.requests.next();
    if (request === undefined) return undefined;
    const task = request.take();
    this.count(request.client, -1);
    if (request.waiting === 0) this.requests.remove(request);
    return task;
  }

  /** Images that go before the last of `count` new ones of a client, when nobody else comes. O(clients in line). */
  before(client: string, count: number): number {
    const own = this.imagesOf(client);
    let sum = own;
    for (const [other, images] of this.counts) if (other !== client) sum += Math.min(images, own + count);
    return sum;
  }

  private imagesOf(client: string): number {
    return this.counts.get(client) ?? 0;
  }

  private count(client: string, more: number): void {
    const images = this.imagesOf(client) + more;
    this.total += more;
    if (images > 0) this.counts.set(client, images);
    else this.counts.delete(client);
  }
}
