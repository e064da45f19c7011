// The closed loop: so many requests in flight, always. It finds what a server can do at most; it says nothing about latency.
import type { Target } from './open-loop.js';
import { connected, makeClient, send } from './open-loop.js';
import { makeBodies, makeRequest } from './requests.js';
import type { ClosedCount, ClosedLoop } from './traffic.js';

const DEADLINE_MS = 120_000;

export async function runClosedLoop(loop: ClosedLoop, target: Target): Promise<ClosedCount> {
  const { traffic, inFlight, warmMs, milliseconds } = loop;
  const client = makeClient(target.server);
  const requests = makeBodies(traffic, target.size, target.jpegs).flatMap((body) =>
    traffic.models.slice(0, 1).map((model) => makeRequest(model, '', body)),
  );
  await connected(client);
  const start = performance.now() + warmMs;
  const end = start + milliseconds;
  const answers: number[] = [];
  const latencies: number[] = [];
  let errors = 0;
  let lastError = '';
  let next = 0;
  const caller = async () => {
    while (performance.now() < end) {
      const request = requests[next++ % requests.length]!;
      const sent = performance.now();
      const error = await new Promise<Error | null>((resolve) =>
        send(client, request, Date.now() + DEADLINE_MS, resolve),
      );
      const now = performance.now();
      if (error !== null) {
        errors++;
        lastError = error.message;
        // A server that refuses everything is not asked a million times.
        await new Promise((resolve) => setTimeout(resolve, 20));
      } else if (now >= start && now < end) {
        answers.push(now - start);
        latencies.push(now - sent);
      }
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  client.close();
  return { answers, latencies, errors, lastError };
}
