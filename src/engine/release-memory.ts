import { MessageChannel } from 'node:worker_threads';

/**
 * Empties a buffer: views on it have length 0 at once, and its memory is free a moment later. Left to the garbage collector, large
 * buffers that nobody reads stay for minutes in a process that makes little garbage otherwise. Memory that can't be handed over is
 * left to it.
 */
export function releaseMemory({ buffer }: Uint8Array): void {
  if (!(buffer instanceof ArrayBuffer)) return;
  const { port1, port2 } = new MessageChannel();
  try {
    // A message owns the buffers that it transfers, and goes with its channel.
    port1.postMessage(undefined, [buffer]);
  } catch {
    // Node's pool of small Buffers, for one.
  } finally {
    port1.close();
    port2.close();
  }
}
