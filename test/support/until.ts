import { setTimeout as delay } from 'node:timers/promises';

/**
 * Waits until `condition` holds. Generous, since machines are loaded: the time-out only turns a hang into a failure.
 * @throws an Error that says what was waited for, with what `state` tells.
 */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  { timeoutMs = 60_000, state = () => '' as unknown } = {},
): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited ${timeoutMs} ms for: ${what}; state: ${JSON.stringify(state())}`);
    await delay(20);
  }
}
