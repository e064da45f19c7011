import type { DecodeRequest, DecodeTask } from './decode-request.js';

/**
 * Requests that take turns, one image each: first the clients, and within a client its requests, so that neither a client with many
 * requests nor a request of hundreds of images holds up one of a few (round robin; images cost about the same). Clients are
 * remembered while they have something in line.
 */
export class Turns {
  /** Whose turn it is stands first; so within each client. */
  private readonly clients = new Map<string, Set<DecodeRequest>>();
  private readonly counts = new Map<string, number>();
  private total = 0;

  /** In line. */
  get images(): number {
    return this.total;
  }

  add(request: DecodeRequest): void {
    const requests = this.clients.get(request.client);
    if (requests === undefined) this.clients.set(request.client, new Set([request]));
    else requests.add(request);
    this.count(request.client, request.images.length);
  }

  /** What of it is still in line leaves; does nothing when it is not there. */
  remove(request: DecodeRequest): void {
    const { client } = request;
    const requests = this.clients.get(client);
    if (requests?.delete(request) !== true) return;
    if (requests.size === 0) this.clients.delete(client);
    this.count(client, -request.untaken);
  }

  next(): DecodeTask | undefined {
    const [turn] = this.clients;
    if (turn === undefined) return undefined;
    const [client, requests] = turn;
    const [request] = requests;
    const task = request!.take();
    requests.delete(request!);
    this.clients.delete(client);
    if (request!.waiting > 0) requests.add(request!);
    if (requests.size > 0) this.clients.set(client, requests);
    this.count(client, -1);
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
