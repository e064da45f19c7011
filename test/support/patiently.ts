import { setTimeout as delay } from 'node:timers/promises';

/** Tries until it works, for a minute: for what may be away for a while. @throws the last error. */
export async function patiently<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if (tries > 600) throw error;
      await delay(100);
    }
  }
}
