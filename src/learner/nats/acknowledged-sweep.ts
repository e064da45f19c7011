import type { NatsLink } from './connection.js';

const EVERY_MS = 5_000;

/**
 * Removes messages that a work queue's consumer has acknowledged and the stream still holds. A nats-server that was killed may
 * have kept the acknowledgement and lost the removal (seen with 2.9.10): nobody would ever get such a message again, and it would
 * count as waiting and take room for ever. What lies at or below the acknowledgement floor was handled, so it may go.
 * @returns ends the sweeping
 */
export function sweepAcknowledged(link: NatsLink, stream: string, consumer: string, filter?: string): () => void {
  const sweep = async () => {
    if (!link.connected) return;
    const manager = await link.connection.jetstreamManager({ checkAPI: false });
    const { ack_floor } = await manager.consumers.info(stream, consumer);
    if (ack_floor.stream_seq === 0) return;
    const { state } = await manager.streams.info(stream);
    if (state.messages === 0 || state.first_seq > ack_floor.stream_seq) return;
    const seq = ack_floor.stream_seq + 1;
    await manager.streams.purge(stream, filter === undefined ? { seq } : { seq, filter });
  };
  // What fails now (NATS is away, the consumer is not made yet) is done the next time.
  const quietly = () => void sweep().catch(() => {});
  const timer = setInterval(quietly, EVERY_MS);
  const offStatus = link.onStatus((up) => {
    if (up) quietly();
  });
  return () => {
    clearInterval(timer);
    offStatus();
  };
}
