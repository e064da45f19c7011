import { mkdir } from 'node:fs/promises';
import type { Learning } from './learning.js';
import { LearningSystem } from './learning-system.js';
import { connectNats } from './nats/connection/connection.js';
import { type NatsSecurity, secureOptions } from './nats/connection/nats-security.js';
import { parseNatsUrls } from './nats/connection/nats-url.js';
import { lockDataDirectory } from './nats/server/data-directory-lock.js';
import { startEmbeddedNats } from './nats/server/embedded-server.js';
import type { LearningOptions } from './options.js';

/**
 * Starts the learner's side of a process. With an embedded nats-server it resolves once that answers; with an outside one at
 * once, and what needs NATS answers `nats_unavailable` until it is there.
 * @throws LearnerError data_directory_in_use, nats_setup.
 */
export async function startLearning(options: LearningOptions): Promise<Learning> {
  const { nats } = options;
  if (nats.url === null) return startEmbedded(options);
  // Files that can't be used end the start: the connection is made in the background, where they would be tried for ever.
  secureOptions(parseNatsUrls(nats.url), nats, () => {});
  return startOn(nats.url, nats, options, async () => {});
}

async function startEmbedded(options: LearningOptions): Promise<Learning> {
  const { dataDir, nats, observer } = options;
  await mkdir(dataDir, { recursive: true });
  const lock = await lockDataDirectory(dataDir);
  try {
    const server = await startEmbeddedNats({ dataDir, serverBinary: nats.serverBinary, log: observer.log });
    return startOn(server.url, {}, options, async () => {
      await server.stop();
      await lock.release();
    });
  } catch (error) {
    await lock.release();
    throw error;
  }
}

function startOn(
  url: string | readonly string[],
  security: NatsSecurity,
  options: LearningOptions,
  end: () => Promise<void>,
): Learning {
  const system = new LearningSystem(options, end);
  const { log } = options.observer;
  system.begin((signal) =>
    connectNats({ url, security, name: `headwater ${options.roles.join(',')}`, log, waitOnFirstConnect: true, signal }),
  );
  return system;
}
