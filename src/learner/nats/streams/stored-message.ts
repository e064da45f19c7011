import type { JetStreamManager, StoredMsg } from 'nats';
import type { NatsLink } from '../connection/connection.js';
import { isNotFound } from '../connection/errors.js';

type Query = { readonly last_by_subj: string } | { readonly seq: number; readonly next_by_subj: string };

/** nats.js has direct gets on its manager, but not in the manager's type. */
type DirectManager = JetStreamManager & {
  readonly direct: { getMessage(stream: string, query: Query): Promise<StoredMsg> };
};

/**
 * A message of a stream with `allow_direct`: the last of a subject, or the next of a subject from a sequence on. Undefined when
 * there is none. @throws when NATS does not answer.
 */
export async function storedMessage(link: NatsLink, stream: string, query: Query): Promise<StoredMsg | undefined> {
  const manager = (await link.manager()) as DirectManager;
  try {
    return await manager.direct.getMessage(stream, query);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
