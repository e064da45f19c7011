import { connect, type StoredMsg } from 'nats';

/** All messages of a stream, in order. */
export async function readStream(url: string, stream: string): Promise<StoredMsg[]> {
  const client = await connect({ servers: url });
  try {
    const manager = await client.jetstreamManager();
    const { state } = await manager.streams.info(stream);
    const messages: StoredMsg[] = [];
    for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
      const message = await manager.streams.getMessage(stream, { seq }).catch(() => undefined);
      if (message) messages.push(message);
    }
    return messages;
  } finally {
    await client.close();
  }
}
