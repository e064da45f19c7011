import { StatusError } from '../errors.js';

/** A request meets a backbone that is being replaced at most once a load. */
const MAX_ATTEMPTS = 5;

/** What a request ends its attempt with that finds two backbones of one name. */
export function replacedMeanwhile(backbone: string): StatusError {
  return new StatusError('draining', `backbone ${backbone}: it is being replaced; try again`);
}

/**
 * Does `attempt` again when the backbone that it looked up was replaced before the request had a place in its queue: nothing was done
 * for it then. What was admitted is answered by the backbone that admitted it.
 * @throws StatusError whatever `attempt` throws; draining when the server itself stops
 */
export async function onCurrentBackbone<T>(attempt: () => Promise<T>): Promise<T> {
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt();
    } catch (error) {
      const replaced = error instanceof StatusError && error.code === 'draining';
      if (!replaced || attempts === MAX_ATTEMPTS) throw error;
    }
  }
}
