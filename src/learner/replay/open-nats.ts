import { access } from 'node:fs/promises';
import { connectNats, type Log, type NatsLink } from '../nats/connection/connection.js';
import type { NatsSecurity } from '../nats/connection/nats-security.js';
import { lockDataDirectory } from '../nats/server/data-directory-lock.js';
import { startEmbeddedNats } from '../nats/server/embedded-server.js';
import { readCredentials, serverFiles } from '../nats/server/server-config.js';
import { LearnerError } from '../types.js';

export interface NatsPlace extends NatsSecurity {
  /** null: the embedded server of `dataDir`. */
  readonly url: string | readonly string[] | null;
  readonly dataDir: string;
  readonly serverBinary: string | null;
}

export interface OpenedNats {
  readonly link: NatsLink;
  close(): Promise<void>;
}

/**
 * Connects to where heads are kept, for a command that only reads. The embedded nats-server is used as it runs, or started for the command.
 * @throws LearnerError nats_unavailable, nats_setup, data_directory_in_use, invalid_argument when there is nothing in the data directory.
 */
export async function openNats(place: NatsPlace, log: Log): Promise<OpenedNats> {
  if (place.url !== null) return connectTo(place.url, place, log);
  const files = serverFiles(place.dataDir);
  await access(files.store).catch(() => {
    const what = `there are no heads in the data directory ${place.dataDir}`;
    throw new LearnerError('invalid_argument', `${what}: name the configuration that the service runs with`);
  });
  const lock = await lockDataDirectory(place.dataDir).catch(async (error: unknown) => {
    if (!(error instanceof LearnerError) || error.code !== 'data_directory_in_use') throw error;
    const credentials = await readCredentials(files.credentials);
    if (credentials === undefined) throw error;
    return credentials;
  });
  return 'url' in lock ? connectTo(lock.url, {}, log) : startFor(place, lock, log);
}

async function connectTo(url: string | readonly string[], security: NatsSecurity, log: Log): Promise<OpenedNats> {
  const link = await connectNats({ url, security, name: 'headwater replay', log });
  return { link, close: () => link.close() };
}

async function startFor(place: NatsPlace, lock: { release(): Promise<void> }, log: Log): Promise<OpenedNats> {
  const ends = [() => lock.release()];
  const close = async () => {
    for (const end of ends.splice(0).reverse()) await end();
  };
  try {
    const server = await startEmbeddedNats({ ...place, log });
    ends.push(() => server.stop());
    const { link, close: disconnect } = await connectTo(server.url, {}, log);
    ends.push(disconnect);
    return { link, close };
  } catch (error) {
    await close();
    throw error;
  }
}
