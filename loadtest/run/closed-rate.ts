import type { ClosedLoop } from '../generator/traffic.js';
import type { Generators } from './generators.js';
import { rateOf } from './rate.js';

/** A server that is too slow for the time given gets more of it, twice. */
const LONGER = [1, 4, 16];

/** Answers a second in the closed loop. @throws Error when there are none */
export async function closedRate(generators: Generators, name: string, loop: ClosedLoop): Promise<number> {
  let problem = 'no error, but no answer in time';
  for (const factor of LONGER) {
    const { answers, lastError } = await generators.closed({ ...loop, milliseconds: factor * loop.milliseconds });
    const rate = rateOf(answers);
    if (rate > 0) return rate;
    if (lastError !== '') problem = lastError;
  }
  throw new Error(`${name} answers nothing: ${problem}`);
}
